// TAI64N labels (https://cr.yp.to/libtai/tai64.html): 8 bytes 2^62 + TAI seconds, 4 bytes
// nanoseconds, both big-endian, so that labels compare bytewise. An initiation carries a label. A
// responder accepts only a greater label than before, so that a replayed initiation is useless
// (paper, section 5.1).
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

Tai64n tai64n_of(WallTime at);  // the first nanosecond of the second `at`

// Gives each initiation of a device a greater label than the one before, whatever the wall clock
// does. Wall time has whole seconds; the nanoseconds come from the steady clock, rounded to ~16 ms,
// so that a stranger cannot read a precise clock from labels. When the label of the present time
// would not be greater, next() gives the last label plus one nanosecond.
class Tai64nSource {
 public:
  Tai64n next(const Now& now);

 private:
  std::uint64_t last_seconds_ = 0;
  std::uint32_t last_nanoseconds_ = 0;
};

}  // namespace culvert::wireguard
