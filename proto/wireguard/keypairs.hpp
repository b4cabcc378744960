// The keypairs that one peer may have at the same time (paper, section 5.1; the kernel's noise.c):
//   current    seals and opens
//   previous   opens packets that were under way when `current` replaced it
//   next       a responder's new keypair; it becomes current with the first packet from the
//              initiator, which proves that the initiator has the keys
//   aside      not in the kernel: a `next` that a session of our own overtook. The peer may still
//              send with it, so it opens packets, and it never becomes current
//
// Keypairs are the only thing that the lanes of a device share (lane.hpp): the keys do not change,
// the send counter is atomic, the replay window has a lock. A keypair is freed when the last lane
// lets go of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "proto/core/time.hpp"
#include "proto/wireguard/handshake.hpp"
#include "proto/wireguard/replay.hpp"

namespace culvert::wireguard {

// The next counter to seal with. It never goes back, and no counter is given out twice, also with
// several threads.
class SendCounter {
 public:
  // Reserves `count` counters in a row and returns the first one. Ends the program rather than pass
  // kRejectAfterMessages.
  std::uint64_t reserve(std::uint64_t count);
  std::uint64_t next() const { return next_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> next_ = 0;
};

struct Keypair {  // NOLINT(clang-analyzer-optin.performance.Padding): separate cache lines
  // Counters that may_seal() leaves for batches under way: more than memory has room for.
  static constexpr std::uint64_t kUnderWay = 1ULL << 32U;

  SessionKeys keys;  // this and the members up to `remote` are set before the keypair is shared
  Instant created;
  bool initiator = false;
  SessionIndex local;
  SessionIndex remote;
  alignas(64) SendCounter sent;           // written by threads that seal
  alignas(64) SharedReplayWindow replay;  // written by threads that open

  bool expired(Instant now) const { return now - created >= kRejectAfterTime; }
  bool may_seal(Instant now) const {
    return !expired(now) && sent.next() < kRejectAfterMessages - kUnderWay;
  }
};

// Keypairs that are no longer used. The device frees their indices and releases them at the end of
// a call, since jobs of the call may still point to them.
using Retired = std::vector<std::shared_ptr<Keypair>>;

class Keypairs {
 public:
  Keypair* current() const { return current_.get(); }
  Keypair* next() const { return next_.get(); }
  const std::shared_ptr<Keypair>& shared_current() const { return current_; }
  const std::shared_ptr<Keypair>& shared_next() const { return next_; }
  std::vector<std::shared_ptr<Keypair>> all() const;

  // `keep_next`: the peer's own handshake crossed ours and will win (Device::receive_response).
  void install_initiator(std::shared_ptr<Keypair> fresh, bool keep_next, Retired& retired);
  void install_responder(std::shared_ptr<Keypair> fresh, Retired& retired);
  // A genuine packet came with the keypair `used`. True when `used` has become the current keypair.
  bool confirm(const Keypair* used, Retired& retired);
  void clear(Retired& retired);

 private:
  std::shared_ptr<Keypair> previous_;
  std::shared_ptr<Keypair> current_;
  std::shared_ptr<Keypair> next_;
  std::shared_ptr<Keypair> aside_;
};

}  // namespace culvert::wireguard
