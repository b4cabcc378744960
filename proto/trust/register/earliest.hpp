// The earliest of several moments in the future, given as wall time or CLOCK_BOOTTIME.
#pragma once

#include <algorithm>

#include "proto/core/time.hpp"

namespace culvert::trust {

class Earliest {
 public:
  // `clock`: the wall time that the party believes at `now`.
  Earliest(Now now, WallTime clock) : now_(now), clock_(clock) {}

  // The wall clock has whole seconds only. In the last second before `when` the caller therefore
  // wakes in small steps, so that nothing ends late.
  void at(WallTime when) {
    if (when <= clock_) return;
    at(now_.steady + std::max<Duration>(when - clock_ - std::chrono::seconds(1), kLastSecondStep));
  }
  void at(Instant when) {
    if (when > now_.steady) first_ = std::min(first_, when);
  }
  Instant first() const { return first_; }  // never(): no moment is in the future

 private:
  static constexpr Duration kLastSecondStep = std::chrono::milliseconds(50);

  Now now_;
  WallTime clock_;
  Instant first_ = Instant::never();
};

}  // namespace culvert::trust
