// The timers of one peer (paper, section 6; the kernel's timers.c):
//
//   retransmit     An initiation was sent, and no response completed it within REKEY_TIMEOUT and a
//                  jitter: it is sent again, for REKEY_ATTEMPT_TIME in all. Then the peer is given
//                  up and its waiting packets are dropped, until there is something new to send.
//   keepalive      Data came and nothing was sent back for KEEPALIVE_TIMEOUT: an empty packet is
//                  sent, so that the peer knows that we live. If more data came meanwhile, the
//                  timer runs once more.
//   new handshake  Data was sent and nothing came for KEEPALIVE_TIMEOUT + REKEY_TIMEOUT and a
//                  jitter: the peer may have lost its keys, so a handshake starts.
//   zero keys      3 · REJECT_AFTER_TIME after the last new session every key is erased.
//   persistent     If configured: an empty packet whenever nothing authenticated went either way
//                  for the configured time, so that middleboxes keep their mapping.
//
// Rekeying is no timer: it happens when a packet is sent or received with keys that have aged
// (Device::keep_fresh).
#pragma once

#include <cstdint>

#include "proto/core/deadlines.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/wireguard/messages.hpp"

namespace culvert::wireguard {

class Timers {
 public:
  static constexpr int kMaxAttempts = kRekeyAttemptTime / kRekeyTimeout;

  // Events. The data path calls the first four functions once for each batch and peer.
  void data_sent(Instant now);
  void data_received(Instant now);
  void authenticated_sent(Instant now);      // any packet, handshakes too
  void authenticated_received(Instant now);  // any packet, handshakes too
  void initiation_sent(Instant now, Rng& rng);
  void initiation_postponed(Instant until);  // too soon after the last one: retransmit() at `until`
  void handshake_complete();
  void session_derived(Instant now, Rng& rng);
  void set_persistent(Instant now, Duration every);  // 0: off
  void sessions_ended();  // stops all timers; the persistent one is due at once
  void reset_attempts() { attempts_ = 0; }

  // The timers that have expired; each timer at most once a call.
  struct Expired {
    bool retransmit = false;
    bool give_up = false;
    bool keepalive = false;
    bool new_handshake = false;
    bool zero_keys = false;
    bool persistent = false;
  };
  Expired expire(Instant now);
  Instant next() const;
  Duration persistent_every() const { return persistent_every_; }

 private:
  Instant retransmit_ = Instant::never();
  Instant keepalive_ = Instant::never();
  Instant new_handshake_ = Instant::never();
  Instant zero_keys_ = Instant::never();
  Instant persistent_ = Instant::never();
  Duration persistent_every_{};
  Duration jitter_{};
  int attempts_ = 0;
  bool another_keepalive_ = false;
};

struct Peer;

// When each peer is due; the key is Peer::serial.
using PeerDeadlines = Deadlines<std::uint64_t, Peer*>;
// For a peer whose timers have changed. The peer's entry moves only when the next deadline is
// earlier. A later deadline is noticed when the entry comes up, so that a packet seldom changes the
// map.
void watch(PeerDeadlines& deadlines, Peer& peer);

}  // namespace culvert::wireguard
