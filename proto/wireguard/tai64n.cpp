#include "proto/wireguard/tai64n.hpp"

namespace culvert::wireguard {
namespace {

// 2^62, and the ten leap seconds that TAI was ahead of UTC in 1970; later ones are left out, as
// every implementation does: labels are only compared.
constexpr std::uint64_t kEpoch = (1ULL << 62U) + 10;
constexpr std::uint32_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint32_t kWhitening = (1U << 24U) - 1;  // ~16 ms

}  // namespace

Tai64n tai64n_of(WallTime at) {
  Tai64n label;
  store_be(label.bytes.data(), kEpoch + static_cast<std::uint64_t>(at.seconds));
  return label;
}

Tai64n Tai64nSource::next(const Now& now) {
  const auto seconds = kEpoch + static_cast<std::uint64_t>(now.wall.seconds);
  const auto steady = static_cast<std::uint64_t>(now.steady.nanoseconds) % kNanosecondsPerSecond;
  const auto nanoseconds = static_cast<std::uint32_t>(steady) & ~kWhitening;
  if (seconds > last_seconds_ || (seconds == last_seconds_ && nanoseconds > last_nanoseconds_)) {
    last_seconds_ = seconds;
    last_nanoseconds_ = nanoseconds;
  } else if (++last_nanoseconds_ == kNanosecondsPerSecond) {
    last_nanoseconds_ = 0;
    ++last_seconds_;
  }
  Tai64n label;
  store_be(label.bytes.data(), last_seconds_);
  store_be(label.bytes.data() + 8, last_nanoseconds_);
  return label;
}

}  // namespace culvert::wireguard
