#include "proto/core/codel.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace culvert;

namespace {

// Sends a packet each millisecond, each after a wait of `waited`. Returns when packets were dropped
// (ms).
std::vector<int> drops(Codel& codel, int from, int to, Duration waited) {
  std::vector<int> out;
  for (int ms = from; ms < to; ++ms) {
    if (codel.drop(Instant{} + ms * 1ms, waited, false)) out.push_back(ms);
  }
  return out;
}

}  // namespace

TEST_CASE("CoDel: a burst of less than an interval passes whole", "[codel]") {
  Codel codel;
  CHECK(drops(codel, 0, 100, 50ms).empty());
  CHECK(drops(codel, 100, 101, 4ms).empty());  // one short wait
  CHECK(drops(codel, 101, 201, 50ms).empty());
}

TEST_CASE("CoDel: of a queue that stays, more and more; none once it is short", "[codel]") {
  Codel codel;
  // 100 ms after the first look, then 100/√1, 100/√2, 100/√3, … ms.
  CHECK(drops(codel, 0, 450, 6ms) == std::vector<int>{100, 200, 271, 329, 379, 424});
  CHECK(drops(codel, 450, 460, 4ms).empty());
  // After a short pause the drops continue at the earlier rate.
  const auto again = drops(codel, 460, 660, 6ms);
  REQUIRE(again.size() > 2);
  CHECK(again[0] == 560);
  CHECK(again[1] - again[0] < 50);
  // After a long pause the drops begin at the first rate again.
  CHECK(drops(codel, 660, 661, 1ms).empty());
  CHECK(drops(codel, 10'000, 10'250, 6ms) == std::vector<int>{10'100, 10'200});
}

TEST_CASE("CoDel: nothing is dropped where hardly anything is left behind it", "[codel]") {
  Codel codel;
  for (int ms = 0; ms < 10'000; ++ms) CHECK_FALSE(codel.drop(Instant{} + ms * 1ms, 1s, true));
}
