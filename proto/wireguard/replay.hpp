// Which counters of a session have arrived (RFC 6479: a ring of words, so that moving the window
// clears words and never shifts). A counter up to 8128 behind the greatest one is still accepted.
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

  // Marks the counter and returns true if it is new and not behind the window. Call it for genuine
  // packets only.
  bool accept(std::uint64_t counter);

 private:
  static constexpr std::uint64_t kWords = kBits / 64;

  std::uint64_t greatest_ = 0;
  std::array<std::uint64_t, kWords> words_{};
};

// A ReplayWindow for a session whose packets several lanes open. It is locked once a batch, not
// once a packet.
class SharedReplayWindow {
 public:
  // `opened` has been through open_batch(). Clears `ok` of each genuine packet that is not new, and
  // returns how many were cleared.
  std::size_t accept(std::span<crypto::AeadJob> opened);

 private:
  Mutex mutex_;
  ReplayWindow window_ CULVERT_GUARDED_BY(mutex_);
};

}  // namespace culvert::wireguard
