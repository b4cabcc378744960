// How many bytes a client may send: up to one second's worth at once (at least two packets of the
// largest size). Data packets may use seven eighths of the budget; the last eighth is for disco, so
// that a client at its limit still finds its direct path.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proto/core/rate_limit.hpp"
#include "proto/derp/frame.hpp"

namespace culvert::relay {

class ByteRate {
 public:
  ByteRate() = default;  // no limit
  explicit ByteRate(std::uint64_t bytes_per_second)
      : per_second_(bytes_per_second), limit_(limited() ? time_of(burst()) : Duration{}, 1) {}

  std::uint64_t per_second() const { return per_second_; }
  std::uint64_t burst() const {
    return std::max<std::uint64_t>(per_second_, 2 * derp::kMaxPacketSize);
  }
  bool limited() const { return per_second_ != 0; }

  bool take(Instant now, std::size_t bytes, bool disco) {
    return !limited() || limit_.take(now, time_of(bytes), disco ? Duration{} : limit_.room() / 8);
  }

 private:
  Duration time_of(std::uint64_t bytes) const {
    return Duration(static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 /
                                              static_cast<double>(per_second_)));
  }

  std::uint64_t per_second_ = 0;
  RateLimit limit_{Duration{}, 0};
};

}  // namespace culvert::relay
