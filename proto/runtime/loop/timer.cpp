#include "proto/runtime/loop/timer.hpp"

#include <algorithm>

#include "proto/runtime/loop/loop_impl.hpp"

namespace culvert::runtime {

Timer::Timer(Loop& loop, std::function<void()> fired)
    : loop_(loop), fired_(std::make_shared<std::function<void()>>(std::move(fired))) {}

Timer::~Timer() { cancel(); }

void Timer::arm_at(Instant when) {
  if (when == due_) return;
  cancel();
  if (when == Instant::never()) return;
  due_ = when;
  loop_.impl_->timers.emplace(when, this);
}

void Timer::arm_in(Duration after) { arm_at(loop_.now().steady + after); }

void Timer::cancel() {
  if (due_ == Instant::never()) return;
  auto& timers = loop_.impl_->timers;
  const auto [first, last] = timers.equal_range(due_);
  const auto mine = std::find_if(first, last, [&](const auto& e) { return e.second == this; });
  if (mine != last) timers.erase(mine);
  due_ = Instant::never();
}

}  // namespace culvert::runtime
