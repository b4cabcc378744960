// TAI64N labels (https://cr.yp.to/libtai/tai64.html): 8 bytes 2^62 + TAI seconds, 4 bytes
// nanoseconds, both big-endian, so that bytes compare as times do. An initiation carries one; a
// responder takes only greater ones, which makes initiations useless to replay (paper, 5.1).
#pragma once

#include <array>
#include <compare>
#include <cstdint>

#include "proto/core/bytes.hpp"
#include "proto/core/time.hpp"

namespace culvert::wireguard {

struct Tai64n {
  static constexpr std::size_t kSize = 12;
  std::array<std::uint8_t, kSize> bytes{};  // zero: earlier than any

  friend auto operator<=>(const Tai64n&, const Tai64n&) = default;
};

Tai64n tai64n_of(WallTime at);  // its first nanosecond

// Gives each initiation of a device a greater label than the one before, whatever the wall clock
// does. Wall time counts whole seconds; the nanoseconds come from the steady clock, cut to ~16 ms
// so that the label is no fine clock for a stranger to read. A label that would not be greater is
// the last one and a nanosecond.
class Tai64nSource {
 public:
  Tai64n next(const Now& now);

 private:
  std::uint64_t last_seconds_ = 0;
  std::uint32_t last_nanoseconds_ = 0;
};

}  // namespace culvert::wireguard
