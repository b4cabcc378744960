#include "proto/runtime/loop/loop.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

#include "proto/runtime/loop/signal.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "tests/proto/runtime/runtime_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

TEST_CASE("timers fire in order of time, once, and may change each other", "[runtime][timer]") {
  Loop loop;
  std::string order;
  std::unique_ptr<Timer> self_destroyed;
  Timer never(loop, [&] { order += "never "; });
  Timer second(loop, [&] { order += "second "; });
  Timer first(loop, [&] {
    order += "first ";
    never.cancel();
  });
  self_destroyed = std::make_unique<Timer>(loop, [&] {
    order += "third";
    self_destroyed.reset();
  });
  const auto now = loop.now().steady;
  never.arm_at(now + 2ms);
  second.arm_at(now + 1500us);
  first.arm_at(now + 1ms);
  self_destroyed->arm_at(now + 3ms);
  CHECK(first.armed());
  RUN_UNTIL(loop, !self_destroyed);
  CHECK(order == "first second third");
  CHECK_FALSE(never.armed());
}

TEST_CASE("a timer armed in the past fires without starving the loop", "[runtime][timer]") {
  Loop loop;
  int fired = 0;
  Timer again(loop, [&] {
    ++fired;
    again.arm_at(Instant{1});
  });
  again.arm_at(Instant{1});
  RUN_UNTIL(loop, fired == 3);
}

TEST_CASE("posted tasks from another thread run in order on the loop's", "[runtime][loop]") {
  Loop loop;
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) loop.post([&seen, i] { seen.push_back(i); });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  REQUIRE(seen.size() == 100);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("deferred tasks run, also those that tasks defer", "[runtime][loop]") {
  Loop loop;
  int depth = 0;
  std::function<void()> task = [&] {
    if (++depth < 3) loop.defer(task);
  };
  loop.defer(task);
  CHECK(depth == 0);
  RUN_UNTIL(loop, depth == 3);
}

TEST_CASE("objects kept by the loop live until they are released, or as long as the loop",
          "[runtime][loop]") {
  std::weak_ptr<int> released;
  std::weak_ptr<int> kept;
  {
    Loop loop;
    auto one = std::make_shared<int>(1);
    auto two = std::make_shared<int>(2);
    released = one;
    kept = two;
    loop.keep(one);
    loop.keep(two);
    loop.release(one.get());
    one.reset();
    two.reset();
    RUN_UNTIL(loop, released.expired());
    CHECK_FALSE(kept.expired());
  }
  CHECK(kept.expired());
}

TEST_CASE("a signal calls back, and the callback may destroy its watch", "[runtime][signal]") {
  Loop loop;
  std::unique_ptr<SignalWatch> watch;
  watch = std::make_unique<SignalWatch>(loop, SIGUSR1, [&] { watch.reset(); });
  ::raise(SIGUSR1);
  RUN_UNTIL(loop, !watch);
}
