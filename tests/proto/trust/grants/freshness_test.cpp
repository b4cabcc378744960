// The effects of a carrier that holds documents back, of a clock that jumps, and of a late claim.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr BootId kBoot{{1}};
constexpr BootId kNextBoot{{2}};

Lease lease_naming(const World& w, const KnownDocuments& documents) {
  return {w.vendor_id, w.site, w.agent.identity, {}, documents, {}};
}

note::Note fresh_note(const World& w, const Evidence& evidence, const crypto::SigningKey& key) {
  const auto held = evidence.documents(w.site.id);
  return must(
      sign_statement(Fresh{w.site, held.site_root, held.policy, w.now.wall}, Signer{"x", key}));
}

bool opens(World& w, Evidence& evidence) {
  const auto grant = w.approved();
  if (!evidence.offer(w.now, grant)) return false;
  return is_live(evidence, id_of(grant), w.now);
}

}  // namespace

TEST_CASE("claim: a grant's time runs from its first use, here and after a restart") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved(minutes{15});
  const auto id = id_of(grant);
  must(evidence.offer(w.now, grant));
  w.pass(hours{3});
  evidence.advance(w.now);
  REQUIRE(is_live(evidence, id, w.now));
  CHECK_FALSE(evidence.live(w.now)[0].claimed);
  evidence.claim(w.now, id);
  const auto ends = w.now.wall + minutes{15};
  CHECK(evidence.live(w.now)[0].ends == ends);
  evidence.claim(w.now, id);  // a second use changes nothing
  w.pass(minutes{10});
  auto again = w.agent_evidence(must(Floors::parse(evidence.floors().render())));
  must(again.offer(w.now, grant));
  CHECK(again.live(w.now)[0].ends == ends);
  CHECK(again.live(w.now)[0].ends_steady == w.now.steady + minutes{5});
  w.pass(minutes{5});
  for (auto* each : {&evidence, &again}) {
    each->advance(w.now);
    CHECK_FALSE(is_live(*each, id, w.now));
    CHECK(each->state(w.now, id).phase == RequestPhase::kCompleted);
  }
}

TEST_CASE("claim: an unused grant ends at claim-by, and the policy says how long it waits") {
  World w;
  auto evidence = w.agent_evidence();
  must(evidence.offer(w.now, w.next_policy([](Policy& p) { p.claim = hours{1}; })));
  const auto late = w.approved();  // requests the default of 4 h
  must(evidence.offer(w.now, late));
  CHECK_FALSE(is_live(evidence, id_of(late), w.now));
  const auto obstacle = evidence.state(w.now, id_of(late)).obstacle;
  REQUIRE(obstacle);
  CHECK(obstacle->message.find("1h") != std::string::npos);
  auto request = w.request();
  request.claim = hours{1};
  const auto grant = w.approve(w.approve(w.ask(request), w.bob), w.carol);
  must(evidence.offer(w.now, grant));
  CHECK(is_live(evidence, id_of(grant), w.now));
  w.pass(hours{1});
  evidence.advance(w.now);
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  CHECK(evidence.state(w.now, id_of(grant)).phase == RequestPhase::kExpired);
}

TEST_CASE("claim: a scheduled start waits for its time") {
  World w;
  auto evidence = w.agent_evidence();
  auto request = w.request();
  request.not_before = w.now.wall + hours{2};
  const auto grant = w.approve(w.approve(w.ask(request), w.bob), w.carol);
  must(evidence.offer(w.now, grant));
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  w.pass(hours{2});
  evidence.advance(w.now);
  CHECK(is_live(evidence, id_of(grant), w.now));
}

TEST_CASE("lease: documents that it names and that are held back stop new grants alone") {
  World w;
  auto evidence = w.agent_evidence();
  const auto running = w.approved();
  must(evidence.offer(w.now, running));
  const auto held = evidence.documents(w.site.id);
  CHECK(held.vendor_root.number == 2);
  CHECK(held.site_root.number == 1);
  CHECK(held.policy == DocumentMark{1, note::hash(w.policy_note)});
  const auto stops = [&](const char* why, auto edit) {
    INFO(why);
    auto named = held;
    edit(named);
    evidence.heed(lease_naming(w, named));
    CHECK_FALSE(opens(w, evidence));
    CHECK(evidence.check_request(w.now, w.ask()).error().code == ErrorCode::kDenied);
    CHECK(is_live(evidence, id_of(running), w.now));
    evidence.heed(lease_naming(w, held));  // the next lease counts: nothing was stored
    CHECK(opens(w, evidence));
  };
  const Hash other{{9}};
  stops("a newer policy", [](auto& d) { ++d.policy.number; });
  stops("a newer site root", [](auto& d) { ++d.site_root.number; });
  stops("a newer vendor root", [](auto& d) { ++d.vendor_root.number; });
  stops("another text of the policy", [&](auto& d) { d.policy.hash = other; });
  stops("another text of the site root", [&](auto& d) { d.site_root.hash = other; });
  stops("another text of the vendor root", [&](auto& d) { d.vendor_root.hash = other; });
  stops("a lease that names 2^63", [](auto& d) { d.policy.number = std::uint64_t{1} << 63; });
  // A signer with older documents stops nothing, and the floors contain none of this.
  auto older = held;
  older.policy = {};
  evidence.heed(lease_naming(w, older));
  CHECK(opens(w, evidence));
  CHECK(evidence.floors().render().find("9223372036854775808") == std::string::npos);
}

TEST_CASE("lease: what one side's lease names is not undone by a lease of the other side") {
  World w;
  auto evidence = w.agent_evidence();
  const auto held = evidence.documents(w.site.id);
  auto newer = held;
  ++newer.policy.number;
  evidence.heed(lease_naming(w, newer), RootKind::kSite);
  CHECK_FALSE(opens(w, evidence));
  evidence.heed(lease_naming(w, held), RootKind::kVendor);  // a coordinator that withholds
  CHECK_FALSE(opens(w, evidence));
  evidence.heed(lease_naming(w, held), RootKind::kSite);
  CHECK(opens(w, evidence));
}

TEST_CASE("lease: a key that both roots list speaks for neither side") {
  World w;
  auto evidence = w.agent_evidence();
  const auto lease = must(sign_statement(lease_naming(w, evidence.documents(w.site.id)),
                                         Signer{"lease@vendor.example", w.lease}));
  const auto before = must(evidence.verify_lease(lease));
  CHECK(before.by_vendor);
  CHECK_FALSE(before.by_customer);
  must(evidence.offer(w.now, w.step(w.site1, w.site1_note,
                                    [&](Root& next) {
                                      next.keys.push_back({Group::kLease,
                                                           person("lease@acme.example"),
                                                           w.lease.public_key()});
                                      std::sort(next.keys.begin(), next.keys.end());
                                    },
                                    {&w.site_root})));
  CHECK(evidence.verify_lease(lease).error().code == ErrorCode::kUnverified);
}

TEST_CASE("fresh: without a young note that names what is held here, nothing begins") {
  World w;
  auto evidence = w.agent_evidence();
  must(evidence.offer(w.now, w.next_policy([](Policy& p) { p.fresh = hours{2}; })));
  CHECK_FALSE(opens(w, evidence));
  for (const auto* wrong : {&w.lease, &w.carol, &w.site_root, &w.enroller, &w.laptop_key}) {
    CHECK(refusal(evidence, fresh_note(w, evidence, *wrong), w.now) == ErrorCode::kUnverified);
  }
  const auto note = fresh_note(w, evidence, w.bob);
  CHECK(must(evidence.offer(w.now, note)).kind == ChangeKind::kFresh);
  CHECK(must(evidence.offer(w.now, note)).kind == ChangeKind::kNone);
  CHECK(opens(w, evidence));
  // The fresh note is passed on and is kept across a restart.
  const auto carried = evidence.notes();
  CHECK(std::any_of(carried.begin(), carried.end(),
                    [&](const auto& each) { return each.text == note.text; }));
  const auto running = w.approved();
  must(evidence.offer(w.now, running));
  w.pass(hours{2});
  evidence.advance(w.now);
  CHECK_FALSE(opens(w, evidence));
  CHECK(is_live(evidence, id_of(running), w.now));
  // An older fresh note has no effect. A newer note that names an unknown document opens nothing.
  CHECK_FALSE(refusal(evidence, note, w.now));
  auto ahead = Fresh{w.site, evidence.documents(w.site.id).site_root, {9, {}}, w.now.wall};
  must(evidence.offer(w.now, must(sign_statement(ahead, Signer{"x", w.bob}))));
  CHECK_FALSE(opens(w, evidence));
  CHECK(refusal(evidence, note, w.now) == ErrorCode::kStale);
}

TEST_CASE("device-age: an old device statement begins nothing and ends nothing") {
  World w;
  auto evidence = w.agent_evidence();
  must(evidence.offer(w.now, w.next_policy([](Policy& p) { p.device_age = hours{2}; })));
  auto request = w.request(hours{1});
  const auto running = w.approve(w.approve(w.ask(request), w.bob), w.carol);
  must(evidence.offer(w.now, running));
  evidence.claim(w.now, id_of(running));
  w.pass(minutes{59});
  CHECK(opens(w, evidence));
  w.pass(hours{1});
  const auto second = w.approve(w.approve(w.ask(request), w.bob), w.carol);
  must(evidence.offer(w.now, second));
  CHECK(is_live(evidence, id_of(second), w.now));
  w.pass(minutes{1});
  CHECK_FALSE(opens(w, evidence));
  CHECK(is_live(evidence, id_of(second), w.now));
}

TEST_CASE("a protocol that is unknown here opens nothing and spoils nothing") {
  World w;
  auto evidence = w.agent_evidence();
  must(evidence.offer(w.now,
                      w.next_policy([](Policy& p) { p.services[0].protocol = label("gopher"); })));
  CHECK_FALSE(opens(w, evidence));
  auto request = w.request();
  request.service = w.policy.services[1].name;
  const auto db = w.approve(w.approve(w.approve(w.ask(request), w.bob), w.carol), w.dave);
  must(evidence.offer(w.now, db));
  CHECK(is_live(evidence, id_of(db), w.now));
}

TEST_CASE("standing: closed while the clock is behind, and over at its moment of boot time") {
  World w;
  auto evidence = w.agent_evidence();
  const auto until = w.now.wall + hours{2};
  must(evidence.offer(w.now, w.next_policy([&](Policy& p) {
    p.standings = {{p.services[0].name, w.laptop.identity, until, true, "connect"}};
  })));
  REQUIRE(evidence.live(w.now).size() == 1);
  CHECK(evidence.live(w.now)[0].ends_steady == w.now.steady + hours{2});
  w.pass(hours{1});
  evidence.advance(w.now);
  w.now.wall = w.now.wall - minutes{30};  // the clock goes back
  evidence.advance(w.now);
  CHECK(evidence.live(w.now).empty());
  w.now.wall = w.now.wall + minutes{30};
  evidence.advance(w.now);
  CHECK(evidence.live(w.now).size() == 1);
  // The clock goes back repeatedly by less than the step that is noticed: CLOCK_BOOTTIME ends the
  // grant.
  for (int i = 0; i < 60; ++i) {
    w.now.steady += minutes{1};
    w.now.wall = w.now.wall + seconds{56};
    evidence.advance(w.now);
  }
  w.now.steady += seconds{1};
  evidence.advance(w.now);
  CHECK(w.now.wall < until);
  CHECK(evidence.live(w.now).empty());
}

TEST_CASE("clock: one that is ahead for 12 seconds locks nobody out") {
  World w;
  auto evidence = w.agent_evidence();
  const auto right = w.now;
  w.now.wall = right.wall + hours{24 * 365};
  evidence.advance(w.now);
  CHECK(evidence.node(w.now, w.laptop.identity) == nullptr);
  w.now.steady += seconds{12};
  w.now.wall = w.now.wall + seconds{12};
  evidence.advance(w.now);
  w.now = {w.now.steady, right.wall + seconds{12}};
  evidence.advance(w.now);
  CHECK_FALSE(evidence.clock_went_back(w.now));
  CHECK(evidence.node(w.now, w.laptop.identity) != nullptr);
  CHECK(opens(w, evidence));
}

TEST_CASE("clock: a jump ahead, and a reset after it, forget no denial") {
  World w;
  auto evidence = w.agent_evidence();
  const auto denied = w.approved();
  evidence.deny(w.now, id_of(denied));
  const auto right = w.now.wall;
  w.now.wall = right + hours{24 * 365};
  w.now.steady += minutes{2};
  evidence.advance(w.now);
  CHECK(evidence.floors().tombstones.count(id_of(denied)) == 1);
  evidence.reset_clock(w.now);
  w.now.steady += minutes{2};
  evidence.advance(w.now);
  CHECK(evidence.floors().tombstones.count(id_of(denied)) == 1);
  w.now.wall = right + minutes{4};
  evidence.reset_clock(w.now);
  evidence.advance(w.now);
  CHECK(refusal(evidence, denied, w.now) == ErrorCode::kStale);
}

TEST_CASE(
    "store clock: the age counts boot time, the kept time follows what boot time vouches for") {
  const Now start{Instant{0} + hours{1}, kStart};
  StoreClock clock({}, kBoot);
  clock.advance(start);
  CHECK(clock.stored().kept == kStart);  // a new store takes the time at once
  CHECK(clock.stored().age == StoreAge{0});
  const auto later = [&](Now from, seconds time) {
    return Now{from.steady + time, from.wall + time};
  };
  clock.advance(later(start, minutes{10}));
  CHECK(clock.stored().age == StoreAge{600});
  CHECK(clock.stored().kept == kStart + minutes{10});
  SECTION("the same boot: the time between two runs counts") {
    StoreClock again(clock.stored(), kBoot);
    again.advance(later(start, hours{2}));
    CHECK(again.stored().age == StoreAge{7200});
    CHECK(again.stored().kept == kStart + hours{2});
  }
  SECTION("another boot: this run alone counts, and the wall time after ten minutes' agreement") {
    StoreClock again(clock.stored(), kNextBoot);
    Now now{Instant{0} + seconds{30}, kStart + hours{24 * 30}};
    again.advance(now);
    CHECK(again.stored().age == StoreAge{600});
    CHECK(again.stored().kept == kStart + minutes{10});
    for (int i = 0; i < 9; ++i) again.advance(now = later(now, minutes{1}));
    CHECK(again.stored().kept == kStart + minutes{19});
    now.wall = now.wall + seconds{3};  // the clocks disagree: ten minutes start again here
    again.advance(now);
    for (int i = 0; i < 9; ++i) again.advance(now = later(now, minutes{1}));
    CHECK(again.stored().kept < kStart + hours{1});
    again.advance(now = later(now, minutes{1}));
    CHECK(again.stored().kept == now.wall);
    CHECK(again.stored().age == StoreAge{600 + 19 * 60});
  }
  SECTION("an unknown boot is never the same") {
    StoreClock again(clock.stored(), BootId{});
    again.advance(later(start, hours{2}));
    CHECK(again.stored().age == StoreAge{600});
  }
}
