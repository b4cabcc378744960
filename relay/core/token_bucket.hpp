// How many bytes a client may send. Fills at the ticket's rate up to one second's worth (at least
// two packets of the largest size). Data leaves an eighth of it to disco, so that a client at its
// limit still finds its direct path.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proto/core/time.hpp"
#include "proto/derp/frame.hpp"

namespace culvert::relay {

class TokenBucket {
 public:
  TokenBucket() = default;  // no limit
  TokenBucket(std::uint64_t bytes_per_second, Instant now)
      : rate_(static_cast<double>(bytes_per_second)), tokens_(burst()), filled_(now) {}

  std::uint64_t rate() const { return static_cast<std::uint64_t>(rate_); }
  double burst() const { return std::max(rate_, 2.0 * derp::kMaxPacketSize); }
  bool limited() const { return rate_ > 0; }

  bool take(std::size_t bytes, bool disco, Instant now) {
    if (!limited()) return true;
    const auto passed = std::chrono::duration<double>(now - filled_).count();
    tokens_ = std::min(burst(), tokens_ + std::max(0.0, passed) * rate_);
    filled_ = now;
    const auto reserve = disco ? 0.0 : burst() / 8;
    if (tokens_ - static_cast<double>(bytes) < reserve) return false;
    tokens_ -= static_cast<double>(bytes);
    return true;
  }

 private:
  double rate_ = 0;
  double tokens_ = 0;
  Instant filled_;
};

}  // namespace culvert::relay
