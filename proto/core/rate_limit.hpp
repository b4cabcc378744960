// How often something may be done, or how much of it: a token bucket whose state is one instant.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proto/core/time.hpp"

namespace culvert {

// Lets at most `burst` through at once, then one every `interval`. The bucket begins full; a burst
// of 0 lets nothing through. A cost is the time in which the bucket refills what was taken:
// take(now) costs one interval, other costs are given.
class RateLimit {
 public:
  RateLimit(Duration interval, std::int64_t burst) : interval_(interval), room_(interval * burst) {}

  bool take(Instant now) { return take(now, interval_); }
  // Leaves `reserve` of the room to other callers.
  bool take(Instant now, Duration cost, Duration reserve = {}) {
    const auto begin = std::max(full_at_, now);
    if (begin + cost - now > room_ - reserve) return false;
    full_at_ = begin + cost;
    return true;
  }

  Duration room() const { return room_; }
  Instant next() const { return full_at_ + interval_ - room_; }  // take(now) succeeds from then on
  bool is_full(Instant now) const { return now >= full_at_; }    // all that was taken is refilled

 private:
  Duration interval_;
  Duration room_;
  Instant full_at_;
};

}  // namespace culvert
