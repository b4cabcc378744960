#include "proto/core/codel.hpp"

#include <cmath>

namespace culvert {

bool Codel::drop(Instant now, Duration waited, bool few) {
  bool above = false;
  if (waited < kTarget || few) {
    above_since_ = Instant::never();
  } else if (above_since_ == Instant::never()) {
    above_since_ = now;
  } else {
    above = now - above_since_ >= kInterval;
  }
  if (!above) {
    dropping_ = false;
    return false;
  }
  if (dropping_) {
    if (now < drop_at_) return false;
    ++count_;
    drop_at_ = next_drop();
    return true;
  }
  // Dropping that ended not long ago begins again at the rate that it had reached.
  const std::uint32_t learned = count_ - count_before_;
  const bool recent = now - drop_at_ < 16 * kInterval;
  count_ = recent && learned > 1 ? learned : 1;
  count_before_ = count_;
  dropping_ = true;
  drop_at_ = now;
  drop_at_ = next_drop();
  return true;
}

Instant Codel::next_drop() const {
  const double every =
      static_cast<double>(kInterval.count()) / std::sqrt(static_cast<double>(count_));
  return drop_at_ + Duration(static_cast<std::int64_t>(every));
}

}  // namespace culvert
