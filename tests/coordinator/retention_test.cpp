// Revocations that nodes still need stay in the store, whatever the wall clock shows.
#include <catch2/catch.hpp>

#include "coordinator/ledger/ledger.hpp"
#include "tests/coordinator/world_support.hpp"

namespace culvert::coordinator::test {
namespace {

using std::chrono::hours;

std::size_t stored(World& world, trust::Kind kind) {
  std::size_t out = 0;
  const auto rows = world.store.notes().value();
  for (const auto& row : rows) {
    if (trust::kind_of(note::parse(row.note).value().text) == kind) ++out;
  }
  return out;
}

struct Revoked : World {
  Revoked() {
    site = &add_site("a.byoc.example.com");
    serving = &agent(*site, "agent-a");
    alice = &device("alice", "alice@vendor.example");
    publish(*serving, *site);
    const auto note = request(*alice, *site);
    REQUIRE(put(*alice, note));
    auto& bob = person_with(site->approver);
    approve(note, site->approver, bob);
    approve(note, vendor_approver, person_with(vendor_approver));
    grant = trust::Grant::parse(note::parse(note)->text).value();
    REQUIRE(names_it());
    const auto end =
        trust::revoke_grant(grant, vendor_id, "stolen", now.wall, site->approver.signer());
    REQUIRE(put(bob, note::render(*end)));
    REQUIRE_FALSE(names_it());
  }
  bool names_it() {
    const auto leased = lease(*serving, {grant.id.str()});
    return leased && !leased->grants.empty();
  }
  void ahead_for_two_minutes(hours by) {
    for (auto* party : {serving, alice}) {
      cut(*party);
      party->reachable = false;
    }
    const auto right = now.wall;
    now.wall = right + by;
    pass(60s);
    device("mallory", "mallory@vendor.example", false);
    reload();  // as after `site add`
    pass(60s);
    now.wall = right + std::chrono::seconds(120);
    pass(5s);
    restart();
    for (auto* party : {serving, alice}) party->reachable = true;
    pass(40s);
  }
  TestSite* site = nullptr;
  Party* serving = nullptr;
  Party* alice = nullptr;
  trust::Grant grant;
};

TEST_CASE("retention: a clock that is days ahead for two minutes forgets no revocation") {
  Revoked world;
  const auto by = GENERATE(hours{24 * 4}, hours{24 * 12}, hours{24 * 100});
  world.ahead_for_two_minutes(by);
  CHECK(stored(world, trust::Kind::kRevocation) == 1);
  CHECK_FALSE(world.names_it());
}

TEST_CASE("retention: a revocation outlives the grant that it ends, and then goes") {
  Revoked world;
  const auto at = [&](hours later) {
    Ledger ledger(world.store);
    REQUIRE(ledger.load(world.now));
    auto now = world.now;
    now.wall = now.wall + later;
    now.steady = now.steady + later;
    ledger.advance(now);
    REQUIRE(ledger.commit());
    now.wall = now.wall + hours{49};
    now.steady = now.steady + hours{49};
    ledger.advance(now);
    REQUIRE(ledger.commit());
  };
  at(hours{24 * 12});  // more than two days after its end the grant is still there
  CHECK(stored(world, trust::Kind::kGrant) == 1);
  CHECK(stored(world, trust::Kind::kRevocation) == 1);
  at(hours{24 * 40});
  CHECK(stored(world, trust::Kind::kGrant) == 0);
  CHECK(stored(world, trust::Kind::kRevocation) == 0);
}

TEST_CASE("retention: the store's clock goes on in the next run, and its age never goes back") {
  World world;
  const auto age = [&] {
    return trust::parse_stored_clock(world.store.clock().value().value()).value().age.seconds;
  };
  auto& site = world.add_site("a.byoc.example.com");
  world.pass(100s);
  world.agent(site, "first");
  const auto before = age();
  CHECK(before >= 100);
  world.restart();
  world.pass(100s);
  world.agent(site, "second");
  CHECK(age() >= before + 99);
  world.reload();
  world.agent(site, "third");
  CHECK(age() >= before + 99);
}

}  // namespace
}  // namespace culvert::coordinator::test
