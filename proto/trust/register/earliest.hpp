// The earliest of some moments that lie ahead, of wall time and of CLOCK_BOOTTIME.
#pragma once

#include <algorithm>

#include "proto/core/time.hpp"

namespace culvert::trust {

class Earliest {
 public:
  // `clock`: the wall time that is believed at `now`.
  Earliest(Now now, WallTime clock) : now_(now), clock_(clock) {}

  // The clock is known in whole seconds only: during the last second before `when` the moment is
  // looked at in small steps, so that nothing ends late by what the clock does not say.
  void at(WallTime when) {
    if (when <= clock_) return;
    at(now_.steady + std::max<Duration>(when - clock_ - std::chrono::seconds(1), kLastSecondStep));
  }
  void at(Instant when) {
    if (when > now_.steady) first_ = std::min(first_, when);
  }
  Instant first() const { return first_; }  // never(): no moment lies ahead

 private:
  static constexpr Duration kLastSecondStep = std::chrono::milliseconds(50);

  Now now_;
  WallTime clock_;
  Instant first_ = Instant::never();
};

}  // namespace culvert::trust
