#include "proto/wireguard/replay.hpp"

#include <algorithm>

namespace culvert::wireguard {

bool ReplayWindow::accept(std::uint64_t counter) {
  if (counter + kWindow < greatest_) return false;  // no overflow: counters end below 2^64 - 2^13
  const std::uint64_t word = counter / 64;
  if (counter > greatest_) {
    const std::uint64_t current = greatest_ / 64;
    const std::uint64_t fresh = std::min(word - current, kWords);
    for (std::uint64_t i = 1; i <= fresh; ++i) words_[(current + i) % kWords] = 0;
    greatest_ = counter;
  }
  const std::uint64_t bit = 1ULL << (counter % 64);
  std::uint64_t& bits = words_[word % kWords];
  const bool is_new = (bits & bit) == 0;
  bits |= bit;
  return is_new;
}

std::size_t SharedReplayWindow::accept(std::span<crypto::AeadJob> opened) {
  const MutexLock lock(mutex_);
  std::size_t replayed = 0;
  for (auto& job : opened) {
    if (!job.ok || window_.accept(job.counter)) continue;
    job.ok = false;
    ++replayed;
  }
  return replayed;
}

}  // namespace culvert::wireguard
