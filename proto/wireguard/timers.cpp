#include "proto/wireguard/timers.hpp"

#include <algorithm>

#include "proto/wireguard/peer.hpp"

namespace culvert::wireguard {
namespace {

Duration draw_jitter(Rng& rng) {
  return Duration(static_cast<std::int64_t>(
      rng.below(static_cast<std::uint64_t>(kRekeyTimeoutJitter.count()))));
}

bool take_due(Instant& timer, Instant now) {
  if (timer > now) return false;
  timer = Instant::never();
  return true;
}

}  // namespace

void Timers::data_sent(Instant now) {
  // Uses one jitter for the whole session: drawing one for each packet would cost a system call.
  if (new_handshake_ == Instant::never()) {
    new_handshake_ = now + kKeepaliveTimeout + kRekeyTimeout + jitter_;
  }
}

void Timers::data_received(Instant now) {
  if (keepalive_ == Instant::never()) {
    keepalive_ = now + kKeepaliveTimeout;
  } else {
    another_keepalive_ = true;
  }
}

void Timers::authenticated_sent(Instant now) {
  keepalive_ = Instant::never();
  if (persistent_every_ > Duration{}) persistent_ = now + persistent_every_;
}

void Timers::authenticated_received(Instant now) {
  new_handshake_ = Instant::never();
  if (persistent_every_ > Duration{}) persistent_ = now + persistent_every_;
}

void Timers::initiation_sent(Instant now, Rng& rng) {
  retransmit_ = now + kRekeyTimeout + draw_jitter(rng);
}

void Timers::initiation_postponed(Instant until) {
  if (retransmit_ == Instant::never()) retransmit_ = until;
}

void Timers::handshake_complete() {
  retransmit_ = Instant::never();
  attempts_ = 0;
}

void Timers::session_derived(Instant now, Rng& rng) {
  zero_keys_ = now + 3 * kRejectAfterTime;
  jitter_ = draw_jitter(rng);
}

void Timers::set_persistent(Instant now, Duration every) {
  persistent_every_ = every;
  persistent_ = every > Duration{} ? now : Instant::never();
}

void Timers::sessions_ended() {
  retransmit_ = keepalive_ = new_handshake_ = zero_keys_ = Instant::never();
  another_keepalive_ = false;
  attempts_ = 0;
  if (persistent_every_ > Duration{}) persistent_ = Instant{};
}

Timers::Expired Timers::expire(Instant now) {
  Expired out;
  if (take_due(retransmit_, now)) {
    if (++attempts_ >= kMaxAttempts) {
      out.give_up = true;
      keepalive_ = Instant::never();
      if (zero_keys_ == Instant::never()) zero_keys_ = now + 3 * kRejectAfterTime;
    } else {
      out.retransmit = true;
    }
  }
  if (take_due(keepalive_, now)) {
    out.keepalive = true;
    if (another_keepalive_) keepalive_ = now + kKeepaliveTimeout;
    another_keepalive_ = false;
  }
  out.new_handshake = take_due(new_handshake_, now);
  out.zero_keys = take_due(zero_keys_, now);
  if (take_due(persistent_, now)) {
    out.persistent = true;
    persistent_ = now + persistent_every_;
  }
  return out;
}

Instant Timers::next() const {
  return std::min({retransmit_, keepalive_, new_handshake_, zero_keys_, persistent_});
}

void watch(PeerDeadlines& deadlines, Peer& peer) {
  const Instant next = peer.timers.next();
  if (next < peer.queued) deadlines.set(peer.serial, &peer, peer.queued, next);
}

}  // namespace culvert::wireguard
