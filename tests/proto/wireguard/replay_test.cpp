#include <catch2/catch.hpp>
#include <memory>
#include <set>

#include "proto/core/rng.hpp"
#include "proto/wireguard/messages.hpp"
#include "proto/wireguard/replay.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;

TEST_CASE("replay window: the edges") {
  constexpr auto kWindow = ReplayWindow::kWindow;
  REQUIRE(kWindow >= 8128);
  ReplayWindow window;
  CHECK(window.accept(0));
  CHECK_FALSE(window.accept(0));
  CHECK(window.accept(1));
  CHECK(window.accept(9));
  CHECK(window.accept(8));
  CHECK_FALSE(window.accept(9));
  CHECK(window.accept(kWindow));
  CHECK_FALSE(window.accept(kWindow));
  CHECK(window.accept(2));  // still within the window
  CHECK(window.accept(kWindow + 3));
  CHECK_FALSE(window.accept(2));                   // now behind the window
  CHECK(window.accept(3));                         // the last counter within the window
  CHECK(window.accept(10 * ReplayWindow::kBits));  // clears the whole window
  CHECK_FALSE(window.accept(kWindow + 3));
  CHECK(window.accept(10 * ReplayWindow::kBits - kWindow));
  CHECK_FALSE(window.accept(10 * ReplayWindow::kBits - kWindow));
  CHECK(window.accept(kRejectAfterMessages - 1));
  CHECK_FALSE(window.accept(kRejectAfterMessages - 1));
  CHECK(window.accept(kRejectAfterMessages - 1 - kWindow));
}

TEST_CASE("replay window: as a set of all counters would say") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    ReplayWindow window;
    std::set<std::uint64_t> seen;
    std::uint64_t greatest = 0;
    bool right = true;
    for (int i = 0; i < 20'000; ++i) {
      const std::uint64_t back = rng.below(rng.below(4) == 0 ? 12'000 : 100);
      const std::uint64_t ahead = rng.below(rng.below(200) == 0 ? 20'000 : 8);
      const std::uint64_t counter = greatest + ahead - std::min(back, greatest);
      const bool expected =
          counter + ReplayWindow::kWindow >= greatest && seen.insert(counter).second;
      right = right && window.accept(counter) == expected;
      greatest = std::max(greatest, counter);
    }
    CHECK(right);
  }
}
