// A node gives revocations back to a coordinator that has lost them, and raises alarms for new
// agents.
#include "agent/core/kept.hpp"

#include <catch2/catch.hpp>

#include "agent/core/offers.hpp"
#include "proto/trust/statements/revocation.hpp"
#include "tests/agent/core/world_support.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::agent::test {
namespace {

note::Note of_grant(Rng& rng, const trust::SiteRef& site, WallTime not_after,
                    std::size_t long_by = 0) {
  trust::Revocation revocation;
  revocation.site = site;
  revocation.what = trust::Revokes::kGrant;
  revocation.grant = trust::GrantId::generate(not_after, rng);
  revocation.not_after = not_after;
  revocation.reason = "over" + std::string(long_by, 'x');
  revocation.issued = not_after - std::chrono::hours(1);
  const auto key = crypto::SigningKey::generate(rng);
  return trust::sign_statement(revocation, trust::Signer{"bob", key}).value();
}

trust::SiteRef site_called(const std::string& name, std::uint8_t id) {
  trust::SiteRef site{*trust::Fqdn::parse(name), {}};
  site.id.bytes.fill(id);
  return site;
}

control::RevocationSet set_of(const trust::SiteRef& site, std::vector<control::NoteId> ids) {
  const auto count = ids.size();
  return {trust::to_hash(site.id), count, control::revocations_digest(ids)};
}

TEST_CASE("kept revocations: what differs from the coordinator's is offered, by site") {
  SeededRng rng(1);
  const Now now{Instant{1}, WallTime{1'795'000'000}};
  const auto a = site_called("a.example.com", 1);
  const auto b = site_called("b.example.com", 2);
  trust::Evidence evidence({}, {});
  evidence.advance(now);
  KeptRevocations kept;
  std::vector<control::NoteId> of_a, of_b;
  for (int i = 0; i < 5; ++i) {
    const auto one = of_grant(rng, a, now.wall + 1h);
    const auto two = of_grant(rng, b, now.wall + 1h);
    CHECK(kept.add(one, evidence, now));
    CHECK_FALSE(kept.add(one, evidence, now));
    CHECK(kept.add(two, evidence, now));
    of_a.push_back(note::hash(one));
    of_b.push_back(note::hash(two));
  }
  CHECK(kept.unlike({}).size() == 10);
  CHECK(kept.unlike({set_of(a, of_a), set_of(b, of_b)}).empty());
  auto fewer = of_b;
  fewer.pop_back();
  CHECK(kept.unlike({set_of(a, of_a), set_of(b, fewer)}).size() == 5);
  auto other = of_b;
  other.back() = of_a.back();  // as many, but another one
  CHECK(kept.unlike({set_of(a, of_a), set_of(b, other)}).size() == 5);
  CHECK(kept.notes().size() == 10);
}

TEST_CASE("kept revocations: bounded, and a site's many cost another's few nothing") {
  SeededRng rng(2);
  const Now now{Instant{1}, WallTime{1'795'000'000}};
  const auto a = site_called("a.example.com", 1);
  const auto b = site_called("b.example.com", 2);
  trust::Evidence evidence({}, {});
  evidence.advance(now);
  KeptRevocations kept;
  const auto few = of_grant(rng, a, now.wall + 1h);
  REQUIRE(kept.add(few, evidence, now));
  for (int i = 0; i < 2000; ++i) {
    static_cast<void>(kept.add(of_grant(rng, b, now.wall + 2h, static_cast<std::size_t>(i) % 150),
                               evidence, now));
  }
  CHECK(kept.size() <= KeptRevocations::kMaxKept);
  CHECK(kept.find(note::hash(few)) != nullptr);
  std::size_t bytes = 0;
  for (const auto& note : kept.notes()) bytes += note::render(note).size();
  CHECK(bytes <= KeptRevocations::kMaxBytes);
  // What is over is forgotten a day later, and is not taken again.
  const Now later{now.steady + std::chrono::hours(27), now.wall + std::chrono::hours(27)};
  evidence.advance(later);
  CHECK(kept.forget(evidence.age()));
  CHECK(kept.size() == 0);
  CHECK_FALSE(kept.add(few, evidence, later));
}

TEST_CASE("kept revocations: a wall clock that jumps ahead forgets nothing") {
  SeededRng rng(3);
  Now now{Instant{1}, WallTime{1'795'000'000}};
  trust::Evidence evidence({}, {});
  evidence.advance(now);
  KeptRevocations kept;
  const auto note = of_grant(rng, site_called("a.example.com", 1), now.wall + 1h);
  REQUIRE(kept.add(note, evidence, now));
  Now ahead{now.steady + 1s, now.wall + std::chrono::hours(72)};
  evidence.advance(ahead);
  CHECK_FALSE(kept.forget(evidence.age()));
  KeptRevocations restarted;  // while the clock is ahead
  CHECK(restarted.add(note, evidence, ahead));
}

TEST_CASE("kept revocations: few long notes of a site push out none of another's many") {
  SeededRng rng(4);
  const Now now{Instant{1}, WallTime{1'795'000'000}};
  const auto a = site_called("a.example.com", 1);
  const auto b = site_called("b.example.com", 2);
  trust::Evidence evidence({}, {});
  evidence.advance(now);
  KeptRevocations kept;
  for (int i = 0; i < 400; ++i) {
    REQUIRE(kept.add(of_grant(rng, a, now.wall + 1h), evidence, now));
  }
  for (int i = 0; i < 8; ++i) {
    auto fat = of_grant(rng, b, now.wall + 2h);
    for (std::size_t line = 0; line < 12; ++line) {
      fat.signatures.push_back({"junk" + std::to_string(line), {9, 9, 9, 9}, Bytes(6000, 7)});
    }
    static_cast<void>(kept.add(fat, evidence, now));
  }
  std::size_t of_a = 0;
  for (const auto& note : kept.notes()) {
    if (trust::Revocation::parse(note.text)->site->id == a.id) ++of_a;
  }
  CHECK(of_a == 400);
}

struct Granted : World {
  Granted() {
    set_up();
    grant = request(kApi);
    approve(grant);
    REQUIRE(run_until([&] { return live(); }, 5s));
  }
  bool live() { return site.core->status(now).live_grants == 1; }
  std::size_t stored_revocations() {
    std::size_t count = 0;
    const auto rows = store.notes().value();
    for (const auto& row : rows) {
      if (row.note.starts_with(trust::Revocation::kType)) ++count;
    }
    return count;
  }
  void go_back_to(const coordinator::MemoryStore& copy) {
    stop_coordinator();
    store.restore(copy);
    start_coordinator();
  }
  std::string grant;
};

TEST_CASE("kept revocations: a coordinator restored from an old copy gets them back") {
  Granted world;
  coordinator::MemoryStore copy;
  copy.restore(world.store);
  world.revoke(world.grant);
  REQUIRE(world.run_until([&] { return !world.live(); }, 5s));
  world.run(3s);  // both have uploaded what happened
  REQUIRE(world.stored_revocations() == 1);
  const bool restarted = GENERATE(false, true);
  world.go_back_to(copy);
  CHECK(world.stored_revocations() == 0);
  if (restarted) {  // they are in the state folder as well
    REQUIRE(world.start(world.site));
    REQUIRE(world.start(world.laptop));
  }
  CHECK(world.run_until([&] { return world.stored_revocations() == 1; }, 25s));
  CHECK_FALSE(world.live());
  world.run(5s);
  CHECK_FALSE(world.live());
  // The audit log went on from where the copy ends, without a gap.
  const auto identity = world.site.core->status(world.now).identity;
  CHECK(world.store.next_index(identity).value() == world.site.audit.entries().size());
  std::size_t lines = 0;
  const auto rows = world.store.audit({}).value();
  for (const auto& stored : rows) lines += stored.row.source == identity;
  CHECK(lines == world.site.audit.entries().size());
}

TEST_CASE("kept revocations: what is kept has no lines of strangers") {
  Granted world;
  auto note = world.revocation_of(world.grant);
  const auto bytes = note::render(note).size();
  for (std::size_t line = 0; line < 12; ++line) {
    note.signatures.push_back({"junk" + std::to_string(line), {9, 9, 9, 9}, Bytes(5000, 7)});
  }
  Offers offers;
  auto evidence = world.customers_evidence();
  offers.learned(world.now, note, evidence);
  REQUIRE(offers.kept.size() == 1);
  CHECK(note::render(offers.kept.notes().front()).size() == bytes);
}

}  // namespace
}  // namespace culvert::agent::test
