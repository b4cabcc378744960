// The sending part of Device: packets, handshakes that we begin, and expired timers.
#include <utility>

#include "proto/wireguard/device.hpp"

namespace culvert::wireguard {

void Device::send(Now now, std::span<const ByteView> packets, Output& out) {
  lane_.send(now.steady, packets, out);
  settle(now, out);
}

void Device::send_in_place(Now now, std::span<const RoomyPacket> packets, Output& out) {
  lane_.send(now.steady, packets, out);
  settle(now, out);
}

void Device::send_keepalive(Now now, Peer& peer, Output& out) {
  if (!lane_.send_keepalive(now.steady, *peer.lane, out)) start_handshake(now, peer, false, out);
}

// Begins a handshake before the keys end (paper, section 6.2). Only the initiator rekeys by age, so
// that both sides do not begin at once. On reception the initiator does so once, in the last
// seconds, for the case that it has nothing to send.
void Device::keep_fresh(Now now, Peer& peer, bool sent, bool received, Output& out) {
  const Keypair* keypair = peer.keypairs.current();
  if (keypair == nullptr) return;
  const Duration age = now.steady - keypair->created;
  const bool aged = keypair->initiator && age >= options_.rekey_after_time;
  if (sent && (aged || keypair->sent.next() > kRekeyAfterMessages)) {
    start_handshake(now, peer, false, out);
  } else if (received && keypair->initiator && !peer.last_minute_handshake &&
             age >= kRejectAfterTime - kKeepaliveTimeout - kRekeyTimeout) {
    peer.last_minute_handshake = true;
    start_handshake(now, peer, false, out);
  }
}

void Device::start_handshake(Now now, Peer& peer, bool retry, Output& out) {
  touch(peer);
  if (!retry) peer.timers.reset_attempts();
  if (peer.handshake_sent && now.steady - *peer.handshake_sent < kRekeyTimeout) {
    peer.timers.initiation_postponed(*peer.handshake_sent + kRekeyTimeout);
    return;
  }
  Initiation message;
  auto pending = initiate(identity_, peer.keys, labels_.next(now), rng_, message);
  if (!pending) return;
  drop_pending(peer);
  peer.pending = std::move(pending);
  peer.pending_index = message.sender = new_index();
  pending_.emplace(peer.pending_index, &peer);
  peer.pending_since = now.steady;
  peer.handshake_sent = now.steady;
  if (!peer.unanswered_since) peer.unanswered_since = now.steady;
  const auto datagram = out.allocate(kInitiationSize);
  encode(message, datagram);
  peer.jar.add_macs(now.steady, datagram);
  peer.timers.initiation_sent(now.steady, rng_);
  ++counters_.initiations_sent;
  transmit(now, peer, datagram, out);
}

void Device::transmit(Now now, Peer& peer, MutableByteView datagram, Output& out) {
  out.datagrams.push_back({peer.keys.public_key, {peer.way, datagram}});
  auto& happened = lane_.report(*peer.lane);
  happened.sent = now.steady;
  happened.sent_bytes += datagram.size();
}

void Device::handle_timeout(Now now, Output& out) {
  while (Peer* peer = deadlines_.first_due(now.steady)) {
    deadlines_.forget(peer->serial, peer->queued);
    expire(now, *peer, out);
  }
  settle(now, out);
}

void Device::expire(Now now, Peer& peer, Output& out) {
  ++counters_.timers_expired;
  const auto expired = peer.timers.expire(now.steady);
  touch(peer);
  if (expired.give_up) {
    ++counters_.handshakes_given_up;
    drop_pending(peer);
    update_lanes(peer, true);
  }
  if (expired.zero_keys) {
    drop_pending(peer);
    peer.keypairs.clear(retired_);
    update_lanes(peer);
  }
  if (expired.retransmit || expired.new_handshake) {
    start_handshake(now, peer, expired.retransmit, out);
  }
  if (expired.keepalive || expired.persistent) send_keepalive(now, peer, out);
}

}  // namespace culvert::wireguard
