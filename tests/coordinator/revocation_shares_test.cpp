// Made-up revocations fill only their own site's share, however many keys sign them.
#include <catch2/catch.hpp>
#include <chrono>

#include "coordinator/core/audience.hpp"
#include "coordinator/ledger/ledger.hpp"
#include "proto/trust/register/limits.hpp"
#include "tests/coordinator/world_support.hpp"

namespace culvert::coordinator::test {
namespace {

struct FatSite {
  trust::SiteRef ref;
  std::vector<Holder> approvers;
};

// A site whose root lists many approvers.
FatSite add_fat_site(World& world, const std::string& name, std::size_t keys) {
  const auto signed_by = [](const auto& statement, const Holder& by) {
    return note::render(trust::sign_statement(statement, by.signer()).value());
  };
  const Holder owner{person("root@evil.example"), crypto::SigningKey::generate(world.rng)};
  FatSite out;
  out.ref.name = fqdn(name);
  trust::Root root;
  root.name = out.ref.name;
  root.issued = world.now.wall - std::chrono::hours(1);
  root.expires = world.now.wall + std::chrono::hours(24 * 365);
  root.vendor_id = world.vendor_id;
  root.vendor_approvals = 1;
  root.domains = {{fqdn("evil.example"), false}};
  root.keys = {{trust::Group::kRoot, owner.who, owner.key.public_key()}};
  for (std::size_t i = 0; i < keys; ++i) {
    out.approvers.push_back({person("a" + std::to_string(100 + i) + "@evil.example"),
                             crypto::SigningKey::generate(world.rng)});
    root.keys.push_back({trust::Group::kApprovers, out.approvers.back().who,
                         out.approvers.back().key.public_key()});
  }
  const auto root_note = signed_by(root, owner);
  out.ref.id = trust::to_site_id(note::hash(note::parse(root_note).value()));
  const auto site_note =
      signed_by(trust::Site{world.vendor_id, out.ref, world.now.wall}, world.directory);
  REQUIRE(coordinator::add_site(world.now, world.store, root_note + "\n" + site_note));
  world.reload();
  return out;
}

note::Note made_up(World& world, const trust::SiteRef& site, trust::Revokes what,
                   const Holder& by) {
  trust::Revocation revocation;
  revocation.vendor_id = world.vendor_id;
  revocation.site = site;
  revocation.reason = "x";
  revocation.issued = world.now.wall;
  revocation.what = what;
  if (what == trust::Revokes::kGrant) {
    revocation.grant = trust::GrantId::generate(world.now.wall, world.rng);
    revocation.not_after = world.now.wall + std::chrono::hours(24 * 8);
  } else {
    revocation.key = crypto::VerifyKey{world.rng.array<32>()};
  }
  return trust::sign_statement(revocation, by.signer()).value();
}

double milliseconds(auto work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

TEST_CASE("shares: a site's many keys fill the site's share together, and nobody else's") {
  World world;
  auto& other = world.add_site("a.byoc.example.com");
  world.agent(other, "agent-a");
  auto& alice = world.device("alice", "alice@vendor.example");
  const auto evil = add_fat_site(world, "evil.byoc.example.com", 4);
  const auto what = GENERATE(trust::Revokes::kGrant, trust::Revokes::kDevice);
  Ledger ledger(world.store);
  REQUIRE(ledger.load(world.now));
  std::size_t taken = 0;
  std::string why;
  for (const auto& approver : evil.approvers) {
    for (int i = 0; i < 1000; ++i) {
      const auto done = ledger.take(world.now, made_up(world, evil.ref, what, approver));
      if (done) ++taken;
      if (!done) why = done.error().message;
    }
  }
  CHECK(taken == trust::kMaxRevocationsAtSite);
  CHECK(why.find("the site's keys have 2048 that are not over at this site") != std::string::npos);
  // Still accepted: the vendor's revocation at the same site, the other customer's, a new request.
  const auto lost = made_up(world, evil.ref, trust::Revokes::kGrant, world.vendor_approver);
  CHECK(ledger.take(world.now, lost));
  CHECK(ledger.take(world.now, made_up(world, other.ref, what, other.approver)));
  CHECK(ledger.take(world.now, note::parse(world.request(alice, other)).value()));
  // A store from before the shares holds more than one share, and loses nothing.
  REQUIRE(ledger.commit());
  Batch old;
  for (int i = 0; i < 10; ++i) {
    const auto note = made_up(world, evil.ref, what, evil.approvers[3]);
    old.put.push_back({note::hash(note), note::render(note), world.now.wall});
  }
  REQUIRE(world.store.commit(old));
  Ledger again(world.store);
  REQUIRE(again.load(world.now));
  for (const auto& row : old.put) CHECK(again.find(row.id) != nullptr);
  CHECK_FALSE(again.take(world.now, made_up(world, evil.ref, what, evil.approvers[3])));
}

TEST_CASE("shares: a later revocation of the same device replaces its predecessor") {
  World world;
  const auto& site = world.add_site("a.byoc.example.com");
  Ledger ledger(world.store);
  REQUIRE(ledger.load(world.now));
  auto revocation = trust::Revocation::parse(
                        made_up(world, site.ref, trust::Revokes::kDevice, site.approver).text)
                        .value();
  const auto before = ledger.size();
  for (int i = 0; i < 20; ++i) {
    revocation.issued = world.now.wall + std::chrono::seconds(i);
    REQUIRE(
        ledger.take(world.now, trust::sign_statement(revocation, site.approver.signer()).value()));
  }
  CHECK(ledger.size() == before + 1);
  REQUIRE(ledger.commit());
  Ledger again(world.store);
  REQUIRE(again.load(world.now));
  CHECK(again.size() == before + 1);
}

TEST_CASE("shares: a put costs as much with 8,000 made-up revocations as with none") {
  World world;
  auto& site = world.add_site("a.byoc.example.com");
  world.agent(site, "agent-a");
  auto& alice = world.device("alice", "alice@vendor.example");
  std::vector<FatSite> evil;
  for (int i = 0; i < 4; ++i) {
    evil.push_back(add_fat_site(world, "evil" + std::to_string(i) + ".byoc.example.com", 2));
  }
  Ledger ledger(world.store);
  REQUIRE(ledger.load(world.now));
  const auto put_and_tell = [&] {
    const auto note = note::parse(world.request(alice, site)).value();
    return milliseconds([&] {
      REQUIRE(ledger.take(world.now, note));
      ledger.advance(world.now);
      const Audience audience(ledger, world.now);
      (void)audience.view_of(alice.node);
    });
  };
  const auto best_of = [&](int times) {
    double best = 1e9;
    for (int i = 0; i < times; ++i) best = std::min(best, put_and_tell());
    return best;
  };
  const auto empty = best_of(8);
  for (const auto& each : evil) {
    for (const auto& approver : each.approvers) {
      for (int i = 0; i < 1000; ++i) {
        REQUIRE(ledger.take(world.now, made_up(world, each.ref, trust::Revokes::kGrant, approver)));
      }
    }
  }
  const auto full = best_of(8);
  INFO("one put with none " << empty << " ms, with 8,000 revocations " << full << " ms");
  CHECK(full < 10 * empty + 5);
}

}  // namespace
}  // namespace culvert::coordinator::test
