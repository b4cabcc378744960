// Which counters of a session have arrived (RFC 6479: a ring of words, so that moving the window
// clears words and never shifts). Counters 8128 behind the greatest one still count.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "proto/core/mutex.hpp"
#include "proto/crypto/aead.hpp"

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

// The same for a session that several lanes open: locked once a batch, not once a packet.
class SharedReplayWindow {
 public:
  // `opened` has been through open_batch(). A genuine packet that is not new is no longer `ok`;
  // returns how many those were.
  std::size_t accept(std::span<crypto::AeadJob> opened);

 private:
  Mutex mutex_;
  ReplayWindow window_ CULVERT_GUARDED_BY(mutex_);
};

}  // namespace culvert::wireguard
