// A node gives revocations back to a coordinator that has lost them, and raises alarms for new
// agents.
#include "agent/access/kept.hpp"

#include <catch2/catch.hpp>

#include "agent/access/offers.hpp"
#include "proto/trust/statements/revocation.hpp"
#include "proto/trust/statements/sign.hpp"
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
    CHECK(kept.add(now, one, evidence));
    CHECK_FALSE(kept.add(now, one, evidence));
    CHECK(kept.add(now, two, evidence));
    of_a.push_back(note::hash(one));
    of_b.push_back(note::hash(two));
  }
  CHECK(kept.unlike({}).size() == 10);
  CHECK(kept.unlike({set_of(a, of_a), set_of(b, of_b)}).empty());
  auto fewer = of_b;
  fewer.pop_back();
  CHECK(kept.unlike({set_of(a, of_a), set_of(b, fewer)}).size() == 5);
  auto other = of_b;
  other.back() = of_a.back();  // the same number of revocations, but a different one
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
  REQUIRE(kept.add(now, few, evidence));
  for (int i = 0; i < 2000; ++i) {
    static_cast<void>(kept.add(
        now, of_grant(rng, b, now.wall + 2h, static_cast<std::size_t>(i) % 150), evidence));
  }
  CHECK(kept.size() <= KeptRevocations::kMaxKept);
  CHECK(kept.find(note::hash(few)) != nullptr);
  std::size_t bytes = 0;
  for (const auto& note : kept.notes()) bytes += note::render(note).size();
  CHECK(bytes <= KeptRevocations::kMaxBytes);
  // A revocation that is over is forgotten a day later, and is not accepted again.
  const Now later{now.steady + std::chrono::hours(27), now.wall + std::chrono::hours(27)};
  evidence.advance(later);
  CHECK(kept.forget(evidence.age()));
  CHECK(kept.size() == 0);
  CHECK_FALSE(kept.add(later, few, evidence));
}

TEST_CASE("kept revocations: a wall clock that jumps ahead forgets nothing") {
  SeededRng rng(3);
  Now now{Instant{1}, WallTime{1'795'000'000}};
  trust::Evidence evidence({}, {});
  evidence.advance(now);
  KeptRevocations kept;
  const auto note = of_grant(rng, site_called("a.example.com", 1), now.wall + 1h);
  REQUIRE(kept.add(now, note, evidence));
  Now ahead{now.steady + 1s, now.wall + std::chrono::hours(72)};
  evidence.advance(ahead);
  CHECK_FALSE(kept.forget(evidence.age()));
  KeptRevocations restarted;  // the restart is while the clock is ahead
  CHECK(restarted.add(ahead, note, evidence));
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
    REQUIRE(kept.add(now, of_grant(rng, a, now.wall + 1h), evidence));
  }
  for (int i = 0; i < 8; ++i) {
    auto fat = of_grant(rng, b, now.wall + 2h);
    for (std::size_t line = 0; line < 12; ++line) {
      fat.signatures.push_back({"junk" + std::to_string(line), {9, 9, 9, 9}, Bytes(6000, 7)});
    }
    static_cast<void>(kept.add(now, fat, evidence));
  }
  std::size_t of_a = 0;
  for (const auto& note : kept.notes()) {
    if (trust::Revocation::parse(note.text)->site->id == a.id) ++of_a;
  }
  CHECK(of_a == 400);
}

}  // namespace
}  // namespace culvert::agent::test
