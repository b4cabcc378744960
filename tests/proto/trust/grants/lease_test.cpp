#include "proto/trust/grants/lease_tracker.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "proto/trust/grants/limits.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;
using std::chrono::seconds;

namespace {

struct Fixture {
  World w;
  SeededRng rng{4};
  LeaseTracker tracker{w.site, w.agent.identity, seconds{30}, rng};
  Instant now{1'000'000'000'000};
  GrantId a = GrantId::generate(kStart, rng);
  GrantId b = GrantId::generate(kStart, rng);

  Lease answer(const LeaseRequest& request) {
    return {w.vendor_id, request.site, w.agent.identity, request.nonce, {}, request.grants};
  }
};

}  // namespace

TEST_CASE("lease: asked at once, then every third of its length, counted from sending") {
  Fixture f;
  CHECK(f.tracker.next_deadline(f.now) == Instant::never());
  CHECK_FALSE(f.tracker.request(f.now));
  f.tracker.set_wanted(f.now, {f.b, f.a, f.a});
  CHECK(f.tracker.next_deadline(f.now) == f.now);
  const auto request = f.tracker.request(f.now);
  REQUIRE(request);
  CHECK(request->grants == std::vector{std::min(f.a, f.b), std::max(f.a, f.b)});
  CHECK_FALSE(f.tracker.covers(f.now, f.a));
  CHECK(f.tracker.next_deadline(f.now) == f.now + seconds{10});
  const auto sent = f.now;
  f.now += seconds{9};
  CHECK_FALSE(f.tracker.request(f.now));
  CHECK(f.tracker.accept(f.now, f.answer(*request)));
  CHECK(f.tracker.covers(f.now, f.a));
  CHECK(f.tracker.covers(sent + seconds{30} - 1ns, f.b));
  CHECK_FALSE(f.tracker.covers(sent + seconds{30}, f.b));  // not nine seconds later
  CHECK(f.tracker.request(sent + seconds{10}));
  CHECK(f.tracker.next_deadline(sent + seconds{10}) == sent + seconds{20});
}

TEST_CASE("lease: only the outstanding nonce, only once, only in time") {
  Fixture f;
  f.tracker.set_wanted(f.now, {f.a});
  const auto first = f.tracker.request(f.now).value();
  const auto second = f.tracker.request(f.now + seconds{10}).value();
  CHECK(first.nonce != second.nonce);
  CHECK(f.tracker.accept(f.now + seconds{11}, f.answer(first)).error().code == ErrorCode::kStale);
  CHECK(f.tracker.accept(f.now + seconds{11}, f.answer(second)));
  CHECK(f.tracker.accept(f.now + seconds{12}, f.answer(second)).error().code == ErrorCode::kStale);
  CHECK(f.tracker.covered_until(f.a) == f.now + seconds{40});
  auto late = f.tracker.request(f.now + seconds{20}).value();
  CHECK_FALSE(f.tracker.accept(f.now + seconds{50}, f.answer(late)));
  auto other_agent = f.answer(f.tracker.request(f.now + seconds{50}).value());
  auto other_site = other_agent;
  other_agent.agent = f.w.laptop.identity;
  other_site.site.id = {};
  CHECK(f.tracker.accept(f.now + seconds{51}, other_agent).error().code == ErrorCode::kUnverified);
  CHECK(f.tracker.accept(f.now + seconds{51}, other_site).error().code == ErrorCode::kUnverified);
  CHECK_FALSE(f.tracker.covers(f.now + seconds{51}, f.a));
}

TEST_CASE("lease: what the answer leaves out is cut at once, the absent coordinator's after 30 s") {
  Fixture f;
  f.tracker.set_wanted(f.now, {f.a, f.b});
  CHECK(f.tracker.accept(f.now, f.answer(f.tracker.request(f.now).value())));
  f.now += seconds{10};
  auto partial = f.answer(f.tracker.request(f.now).value());
  partial.grants = {f.a};
  CHECK(f.tracker.accept(f.now, partial));
  CHECK(f.tracker.covers(f.now, f.a));
  CHECK_FALSE(f.tracker.covers(f.now, f.b));
  // Without answers: two more questions, then the cover lapses at the announced time.
  std::vector<Instant> asked;
  while (f.tracker.covers(f.now, f.a)) {
    f.now = f.tracker.next_deadline(f.now);
    if (f.tracker.request(f.now)) asked.push_back(f.now);
  }
  CHECK(asked.size() == 3);
  CHECK(f.now == asked[0] + seconds{20});
}

TEST_CASE("lease: wanted changes") {
  Fixture f;
  f.tracker.set_wanted(f.now, {f.a});
  CHECK(f.tracker.accept(f.now, f.answer(f.tracker.request(f.now).value())));
  f.tracker.set_wanted(f.now + seconds{1}, {f.a});  // no new grant: no early question
  CHECK_FALSE(f.tracker.request(f.now + seconds{1}));
  f.tracker.set_wanted(f.now + seconds{1}, {f.a, f.b});
  CHECK(f.tracker.request(f.now + seconds{1})->grants == std::vector{f.b});  // only the new grant
  CHECK(f.tracker.covers(f.now + seconds{1}, f.a));  // the last answer still covers
  f.tracker.ask_now(f.now + seconds{2});
  CHECK(f.tracker.request(f.now + seconds{2}));
  f.tracker.set_wanted(f.now + seconds{3}, {});
  CHECK_FALSE(f.tracker.request(f.now + seconds{60}));
  f.tracker.ask_now(f.now + seconds{60});
  CHECK(f.tracker.next_deadline(f.now + seconds{60}) == Instant::never());
}

TEST_CASE("lease: however many grants a site has, and whatever their ids, each is asked for") {
  Fixture f;
  std::vector<GrantId> all;
  for (std::size_t i = 0; i < kMaxGrantsPerSite; ++i) {  // four devices chose the lowest ids
    auto id = GrantId::generate(kStart, f.rng);
    if (i < 256) id.bytes[0] = 0;
    all.push_back(id);
  }
  for (std::size_t i = 0; i < kMaxStandings; ++i) all.push_back(GrantId::generate(kStart, f.rng));
  f.tracker.set_wanted(f.now, all);
  for (int round = 0; round < 3; ++round) {
    std::size_t questions = 0;
    while (const auto request = f.tracker.request(f.now)) {
      CHECK(request->grants.size() <= kMaxLeaseGrants);
      CHECK(std::is_sorted(request->grants.begin(), request->grants.end()));
      CHECK(f.tracker.accept(f.now + seconds{1}, f.answer(*request)));
      ++questions;
    }
    CHECK(questions == 5);
    f.now += seconds{10};
    const bool covered = std::all_of(
        all.begin(), all.end(), [&](const GrantId& id) { return f.tracker.covers(f.now, id); });
    CHECK(covered);
    CHECK(f.tracker.next_deadline(f.now) == f.now);
  }
}

TEST_CASE("lease: a slow answerer of one question a round gets to every grant in turn") {
  Fixture f;
  std::vector<GrantId> all;
  for (int i = 0; i < 600; ++i) all.push_back(GrantId::generate(kStart, f.rng));
  f.tracker.set_wanted(f.now, all);
  std::set<GrantId> asked;
  for (int round = 0; round < 3; ++round, f.now += seconds{10}) {
    const auto request = f.tracker.request(f.now);
    REQUIRE(request);
    asked.insert(request->grants.begin(), request->grants.end());
  }
  CHECK(asked.size() == all.size());
  // Grants that come and go one by one leave no more open questions than the limit.
  for (int i = 0; i < 500; ++i) {
    all.push_back(GrantId::generate(kStart, f.rng));
    f.tracker.set_wanted(f.now, all);
    while (f.tracker.request(f.now)) {
    }
  }
  CHECK_FALSE(f.tracker.request(f.now));
}

TEST_CASE("lease: the policy's length, 30 s at most") {
  Fixture f;
  f.tracker.set_length(seconds{3600});
  f.tracker.set_wanted(f.now, {f.a});
  CHECK(f.tracker.accept(f.now, f.answer(f.tracker.request(f.now).value())));
  CHECK(f.tracker.covered_until(f.a) == f.now + seconds{30});
  f.tracker.set_length(seconds{6});  // shortens running leases too
  CHECK(f.tracker.covered_until(f.a) == f.now + seconds{6});
}
