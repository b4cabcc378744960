// The sending part of Device: packets to datagrams, handshakes that we begin, and expired timers.
#include <utility>

#include "proto/ip/ecn.hpp"
#include "proto/ip/packet.hpp"
#include "proto/wireguard/device.hpp"

namespace culvert::wireguard {

void Device::send(Now now, std::span<const ByteView> packets, Output& out) {
  Routes routes(allowed_ips_);
  for (const ByteView packet : packets) send_one(now, packet, nullptr, routes, out);
  settle(now, out);
}

void Device::send_in_place(Now now, std::span<const RoomyPacket> packets, Output& out) {
  Routes routes(allowed_ips_);
  for (const RoomyPacket& each : packets) send_one(now, each.packet(), &each, routes, out);
  settle(now, out);
}

void Device::send_one(Now now, ByteView packet, const RoomyPacket* place, Routes& routes,
                      Output& out) {
  const auto addresses = ip::Addresses::parse(packet);
  if (!addresses || addresses->total_length > kMaxPacket) {
    ++counters_.packet_malformed;
    return;
  }
  Peer* const to = routes(addresses->destination);
  if (to == nullptr) {
    ++counters_.packet_unroutable;
    return;
  }
  Peer& peer = *to;
  const auto whole = packet.first(addresses->total_length);
  Keypair* keypair = peer.keypairs.current();
  if (keypair != nullptr && keypair->may_seal(now.steady)) {
    seal(peer, *keypair, whole, place, out);
  } else {
    stage(peer, whole);
    start_handshake(now, peer, false, out);
  }
}

// Lays the datagram out, around the packet if it has room for that. settle() seals the datagram in
// one batch with the others.
void Device::seal(Peer& peer, Keypair& keypair, ByteView packet, const RoomyPacket* place,
                  Output& out) {
  const auto datagram = seals_.add(keypair, packet, place, options_.mtu, out);
  if (!packet.empty()) peer.sent_data = true;
  ++counters_.packets_sealed;
  transmit(peer, datagram, false, out);
  if (!packet.empty()) out.datagrams.back().datagram.ecn = ip::ecn_of(packet);
}

void Device::stage(Peer& peer, ByteView packet) {
  if (peer.staged.size() == kMaxStaged) {
    peer.staged.pop_front();
    ++counters_.packet_staged_out;
  }
  peer.staged.push_back(to_bytes(packet));
}

void Device::flush_staged(Now now, Peer& peer, Output& out) {
  Keypair* keypair = peer.keypairs.current();
  while (!peer.staged.empty() && keypair != nullptr && keypair->may_seal(now.steady)) {
    seal(peer, *keypair, peer.staged.front(), nullptr, out);
    peer.staged.pop_front();
  }
}

void Device::send_keepalive(Now now, Peer& peer, Output& out) {
  Keypair* keypair = peer.keypairs.current();
  if (keypair != nullptr && keypair->may_seal(now.steady)) {
    seal(peer, *keypair, {}, nullptr, out);
  } else {
    start_handshake(now, peer, false, out);
  }
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
  peer.pending_index = message.sender = new_index({&peer, nullptr});
  peer.pending_since = now.steady;
  peer.handshake_sent = now.steady;
  if (!peer.unanswered_since) peer.unanswered_since = now.steady;
  const auto datagram = out.allocate(kInitiationSize);
  encode(message, datagram);
  peer.jar.add_macs(now.steady, datagram);
  peer.timers.initiation_sent(now.steady, rng_);
  ++counters_.initiations_sent;
  transmit(peer, datagram, true, out);
}

void Device::transmit(Peer& peer, MutableByteView datagram, bool is_handshake, Output& out) {
  out.datagrams.push_back({peer.keys.public_key, {peer.way, datagram}, is_handshake});
  peer.sent_bytes += datagram.size();
  peer.sent_any = true;
  touch(peer);
}

void Device::handle_timeout(Now now, Output& out) {
  while (Peer* peer = deadlines_.pop_due(now.steady)) expire(now, *peer, out);
  settle(now, out);
}

void Device::expire(Now now, Peer& peer, Output& out) {
  ++counters_.timers_expired;
  const auto expired = peer.timers.expire(now.steady);
  touch(peer);
  if (expired.give_up) {
    ++counters_.handshakes_given_up;
    counters_.packet_staged_out += peer.staged.size();
    peer.staged.clear();
    drop_pending(peer);
    lane_feed_.update(peer, true);
  }
  if (expired.zero_keys) {
    drop_pending(peer);
    peer.keypairs.clear(retired_);
    lane_feed_.update(peer);
  }
  if (expired.retransmit || expired.new_handshake) {
    start_handshake(now, peer, expired.retransmit, out);
  }
  if (expired.keepalive || expired.persistent) send_keepalive(now, peer, out);
}

}  // namespace culvert::wireguard
