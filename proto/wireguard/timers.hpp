// The timers of one peer (paper, section 6; the kernel's timers.c). In prose:
//
//   retransmit     An initiation went out: if no response completes it within REKEY_TIMEOUT and a
//                  jitter, it is sent anew, for REKEY_ATTEMPT_TIME in all. Then the peer is given
//                  up: what waits for it is dropped, until there is something new to send.
//   keepalive      Data came and nothing went back for KEEPALIVE_TIMEOUT: an empty packet goes, so
//                  that the sender knows that we live. If more data came meanwhile, once again.
//   new handshake  Data went out and nothing at all came for KEEPALIVE_TIMEOUT + REKEY_TIMEOUT and
//                  a jitter: the peer may have lost its keys, so a handshake starts.
//   zero keys      3 · REJECT_AFTER_TIME after the last new session every key is erased.
//   persistent     If configured: an empty packet whenever nothing authenticated went either way
//                  for that long, for the sake of middleboxes.
//
// Rekeying is no timer: it happens when a packet is sent or received with keys that have aged
// (Device::keep_fresh).
#pragma once

#include <queue>
#include <vector>

#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/wireguard/messages.hpp"

namespace culvert::wireguard {

class Timers {
 public:
  static constexpr int kMaxAttempts = kRekeyAttemptTime / kRekeyTimeout;

  // What happened. The data path calls the first four once a batch and peer.
  void data_sent(Instant now);
  void data_received(Instant now);
  void authenticated_sent(Instant now);      // any packet, handshakes too
  void authenticated_received(Instant now);  // likewise
  void initiation_sent(Instant now, Rng& rng);
  void handshake_complete();
  void session_derived(Instant now, Rng& rng);
  void set_persistent(Instant now, Duration every);  // 0: off
  void reset_attempts() { attempts_ = 0; }
  void stop();  // all of them

  // What to do now; each at most once.
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

// When which peer wants a look, a heap with stale entries: a peer is pushed when its next deadline
// moves forward of the one queued; one that was queued too early is queued again when it comes up.
class Deadlines {
 public:
  void watch(Peer& peer);  // after its timers changed
  void forget(const Peer& peer);
  Instant next() const { return heap_.empty() ? Instant::never() : heap_.front().at; }
  Peer* pop_due(Instant now);  // null: none is due

 private:
  struct Entry {
    Instant at;
    Peer* peer;
    friend bool operator<(const Entry& a, const Entry& b) { return b.at < a.at; }  // a min-heap
  };
  std::vector<Entry> heap_;
};

}  // namespace culvert::wireguard
