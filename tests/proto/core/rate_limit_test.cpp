#include "proto/core/rate_limit.hpp"

#include <catch2/catch.hpp>
#include <deque>

#include "proto/core/rng.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;

namespace {

constexpr Instant kStart{1'000'000'000'000};

int taken(RateLimit& limit, Instant now, int tries) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += limit.take(now) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("rate limit: a burst, then one an interval; what was not used is kept up to the burst") {
  RateLimit limit(10ms, 3);
  CHECK(limit.is_full(kStart));
  CHECK(limit.next() <= kStart);
  CHECK(taken(limit, kStart, 5) == 3);
  CHECK_FALSE(limit.is_full(kStart));
  CHECK(limit.next() == kStart + 10ms);
  CHECK_FALSE(limit.take(kStart + 10ms - 1ns));
  CHECK(limit.take(kStart + 10ms));
  CHECK(taken(limit, kStart + 35ms, 5) == 2);
  CHECK_FALSE(limit.is_full(kStart + 60ms - 1ns));
  CHECK(limit.is_full(kStart + 60ms));
  CHECK(taken(limit, kStart + 10min, 5) == 3);
}

TEST_CASE("rate limit: a burst of none lets nothing through, ever") {
  RateLimit limit(10ms, 0);
  CHECK_FALSE(limit.take(kStart));
  CHECK_FALSE(limit.take(kStart + 24h));
}

TEST_CASE("rate limit: a cost each, and a reserve that only some may use") {
  RateLimit limit(1s, 1);
  CHECK(limit.room() == 1s);
  CHECK_FALSE(limit.take(kStart, 900ms, 125ms));
  CHECK(limit.take(kStart, 875ms, 125ms));
  CHECK_FALSE(limit.take(kStart, 1ms, 125ms));
  CHECK(limit.take(kStart, 125ms));
  CHECK_FALSE(limit.take(kStart, 1ns));
  CHECK(limit.take(kStart + 225ms, 100ms, 125ms));
  CHECK_FALSE(limit.take(kStart + 1h, 1s + 1ns));  // more tokens than the limit ever has
}

TEST_CASE("rate limit: property: as tokens that are counted one by one") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    const auto burst = static_cast<std::int64_t>(1 + rng.below(6));
    const Duration interval(static_cast<std::int64_t>(1 + rng.below(1000)));
    RateLimit limit(interval, burst);
    std::deque<Instant> away;  // when each taken token comes back, one after the other
    Instant now = kStart;
    for (int i = 0; i < 300; ++i) {
      now += Duration(static_cast<std::int64_t>(rng.below(1500)));
      while (!away.empty() && away.front() <= now) away.pop_front();
      const bool there = std::ssize(away) < burst;
      CHECK(limit.is_full(now) == away.empty());
      CHECK((limit.next() <= now) == there);
      REQUIRE(limit.take(now) == there);
      if (there) away.push_back((away.empty() ? now : away.back()) + interval);
    }
  }
}
