// Which counters of a session have arrived (RFC 6479: a ring of words, so that moving the window
// clears words and never shifts). Counters 8128 behind the greatest one still count.
#pragma once

#include <array>
#include <cstdint>

namespace culvert::wireguard {

class ReplayWindow {
 public:
  static constexpr std::uint64_t kBits = 8192;
  static constexpr std::uint64_t kWindow = kBits - 64;

  // True, and marked, if the counter is new and not behind the window. Only for genuine packets.
  bool accept(std::uint64_t counter);

 private:
  static constexpr std::uint64_t kWords = kBits / 64;

  std::uint64_t greatest_ = 0;
  std::array<std::uint64_t, kWords> words_{};
};

}  // namespace culvert::wireguard
