// A session's keys, and those that a peer may have at once (paper, section 5.1; the kernel's
// noise.c): `current` seals and opens; `previous` opens what was under way; `next` is a responder's
// that waits for the first packet, which proves that the initiator has the keys too. One more than
// the kernel: `aside`, a `next` that a session of our own overtook. The peer may send with it, so
// it opens, but it never becomes current.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proto/core/time.hpp"
#include "proto/wireguard/handshake.hpp"
#include "proto/wireguard/replay.hpp"

namespace culvert::wireguard {

struct Keypair {
  SessionKeys keys;
  Instant created;
  bool initiator = false;
  SessionIndex local;
  SessionIndex remote;
  std::uint64_t send_counter = 0;  // the next to use; never goes back
  ReplayWindow replay;

  bool expired(Instant now) const { return now - created >= kRejectAfterTime; }
  bool may_seal(Instant now) const { return !expired(now) && send_counter < kRejectAfterMessages; }
};

// Keypairs that fall out of use. The device frees their indices and destroys them at the end of a
// call, since jobs of the call may still point to them.
using Retired = std::vector<std::unique_ptr<Keypair>>;

class Keypairs {
 public:
  Keypair* current() const { return current_.get(); }
  Keypair* next() const { return next_.get(); }

  // `keep_next`: the peer's own handshake crossed ours and will win (Device says when).
  void install_initiator(std::unique_ptr<Keypair> fresh, bool keep_next, Retired& retired);
  void install_responder(std::unique_ptr<Keypair> fresh, Retired& retired);
  // A genuine packet came with this keypair. True if that made it the current one.
  bool confirm(const Keypair* used, Retired& retired);
  void clear(Retired& retired);

 private:
  std::unique_ptr<Keypair> previous_;
  std::unique_ptr<Keypair> current_;
  std::unique_ptr<Keypair> next_;
  std::unique_ptr<Keypair> aside_;
};

}  // namespace culvert::wireguard
