#include "proto/core/backoff.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <vector>
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace std::chrono_literals;

namespace {

constexpr Instant kStart{1'000'000'000'000};

// One client of a fleet: connected until the server stops, then trying until the server is back.
struct Client {
  explicit Client(std::uint64_t seed) : rng(seed) {
    backoff.begin(kStart - 1h);
    backoff.lost(kStart, 1h);
    at = kStart + backoff.next(kStart, rng);
  }
  void fail() { at += backoff.next(at, rng); }

  SeededRng rng;
  Backoff backoff;
  Instant at;  // of the next attempt
};

}  // namespace

TEST_CASE("backoff: bounds of every wait") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    Backoff backoff;
    backoff.begin(kStart);
    auto now = kStart;
    auto whole = Backoff::kFirst;
    for (int i = 0; i < 200; ++i) {
      const auto wait = backoff.next(now, rng);
      CHECK(wait >= whole / 2);
      CHECK(wait <= whole);
      const bool long_ago = now - kStart >= Backoff::kLongAbsence;
      whole = std::min(whole * 2, long_ago ? Backoff::kMax : Backoff::kSteady);
      now += wait;
    }
    CHECK(whole == Backoff::kMax);
    backoff.lost(now, Backoff::kGood);
    CHECK(backoff.next(now, rng) <= Backoff::kSpread);
    CHECK(backoff.next(now, rng) <= Backoff::kFirst);
  }
}

TEST_CASE("backoff: a server that takes and drops everyone is not hammered") {
  SeededRng rng(1);
  Backoff backoff;
  backoff.begin(kStart);
  auto now = kStart;
  for (int i = 0; i < 10; ++i) {
    backoff.lost(now, Backoff::kGood - 1ns);
    now += backoff.next(now, rng);
  }
  CHECK(backoff.next(now, rng) >= Backoff::kSteady / 2);
}

TEST_CASE("backoff: a thousand that a restart has thrown out come back spread") {
  for (const auto down : {0s, 3s, 20s}) {
    INFO("the server is away for " << down.count() << " s");
    std::map<std::int64_t, int> attempts, returns;  // by tenth of a second
    std::set<std::int64_t> instants;
    Instant last = kStart;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
      Client client(seed);
      for (; client.at < kStart + down; client.fail()) ++attempts[(client.at - kStart) / 100ms];
      ++attempts[(client.at - kStart) / 100ms];
      ++returns[(client.at - kStart) / 100ms];
      instants.insert((client.at - kStart).count());
      last = std::max(last, client.at);
    }
    // Without a spread there would be 1,000 attempts in one tenth. An even spread gives 100, and
    // each client tries two or three times in the first second while the server is away.
    for (const auto& [tenth, count] : attempts) CHECK(count <= 400);
    for (const auto& [tenth, count] : returns) CHECK(count <= 200);
    CHECK(instants.size() > 990);  // almost all at different times
    CHECK(last <= kStart + down + Backoff::kSteady);
  }
}
