// A one-shot timer on CLOCK_BOOTTIME, which goes on while the machine sleeps. All timers of a loop
// share one timerfd, so a timer costs a map entry, not a descriptor.
#pragma once

#include <functional>
#include <memory>

#include "proto/core/time.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

class Timer {
 public:
  Timer(Loop& loop, std::function<void()> fired);
  ~Timer();  // cancels; safe inside its own callback
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void arm_at(Instant when);  // replaces an earlier arming; Instant::never() cancels
  void arm_in(Duration after);
  void cancel();
  bool armed() const { return due_ != Instant::never(); }

 private:
  friend class Loop;
  Loop& loop_;
  std::shared_ptr<std::function<void()>> fired_;
  Instant due_ = Instant::never();
};

}  // namespace culvert::runtime
