// The receiving part of Device: datagrams, and handshakes that peers begin.
#include <utility>

#include "proto/wireguard/device.hpp"

namespace culvert::wireguard {
namespace {

std::shared_ptr<Keypair> keypair_of(SessionKeys keys, Instant now, bool initiator,
                                    SessionIndex remote) {
  auto out = std::make_shared<Keypair>();
  out->keys = std::move(keys);
  out->created = now;
  out->initiator = initiator;
  out->remote = remote;
  return out;
}

// A label is fresh when it is greater than the last one, or when it is near to our clock and the
// last one is not (DeviceOptions::label_skew).
bool is_fresh(const Tai64n& label, const Tai64n& last, WallTime wall, std::chrono::seconds skew) {
  if (label > last) return true;
  const auto latest = tai64n_of(wall + skew);
  return skew > 0s && last > latest && label <= latest && label >= tai64n_of(wall - skew);
}

}  // namespace

// The lane opens all transport messages as one batch; then come the handshake messages. No session
// can begin and carry data within one batch: the peer needs our answer before it sends data.
void Device::receive(Now now, std::span<Datagram> datagrams, Output& out) {
  handshakes_.clear();
  lane_.receive(now.steady, datagrams, out, handshakes_);
  settle(now, out);
  if (handshakes_.empty()) return;
  for (const Datagram& datagram : handshakes_) {
    const auto type = message_type(datagram.bytes);
    if (type == MessageType::kInitiation) receive_initiation(now, datagram, out);
    if (type == MessageType::kResponse) receive_response(now, datagram, out);
    if (type == MessageType::kCookieReply) receive_cookie(now.steady, datagram);
  }
  settle(now, out);
}

// The first packet with a responder's new keys proves that the initiator has the keys too.
void Device::confirm(Now now, Peer& peer, const Keypair* used, Output& out) {
  if (!peer.keypairs.confirm(used, retired_)) return;
  peer.timers.handshake_complete();
  peer.last_handshake = now;
  peer.last_minute_handshake = false;
  update_lanes(peer);
  lane_.flush_staged(now.steady, *peer.lane, out);
}

// Notes an authenticated handshake message of this peer.
void Device::came_from(Now now, Peer& peer, const Datagram& incoming) {
  if (options_.roaming) roam(peer, incoming.way);
  auto& happened = lane_.report(*peer.lane);
  happened.received = now.steady;
  happened.received_bytes += incoming.bytes.size();
}

void Device::roam(Peer& peer, const Way& to) {
  if (peer.way == to) return;
  peer.way = to;
  update_lanes(peer);
}

// The cheap checks before a handshake message costs a key exchange (paper, section 5.3).
bool Device::admit_handshake(Instant now, const Datagram& incoming, Output& out) {
  const ByteView message = incoming.bytes;
  if (!checker_.mac1_is_right(message)) {
    ++counters_.mac1_wrong;
    return false;
  }
  if (!load_.under_load(now)) return true;
  if (!checker_.mac2_is_right(now, message, incoming.way)) {
    if (!cookie_sources_.allow(now, incoming.way)) {
      ++counters_.cookies_limited;
      return false;
    }
    const auto datagram = out.allocate(kCookieReplySize);
    encode(checker_.reply(now, message, incoming.way), datagram);
    out.datagrams.push_back({{}, {incoming.way, datagram}});
    ++counters_.cookies_sent;
    return false;
  }
  if (!sources_.allow(now, incoming.way)) {
    ++counters_.source_limited;
    return false;
  }
  return true;
}

void Device::receive_initiation(Now now, const Datagram& incoming, Output& out) {
  if (!admit_handshake(now.steady, incoming, out)) return;
  auto opened = open_initiation(identity_, decode_initiation(incoming.bytes));
  if (!opened) {
    ++counters_.initiation_forged;
    return;
  }
  Peer* peer = find(opened->static_key);
  if (peer == nullptr) {
    ++counters_.initiation_unknown_peer;
    return;
  }
  const auto label = open_timestamp(*opened, peer->keys);
  if (!label) {
    ++counters_.initiation_forged;
  } else if (!is_fresh(*label, peer->last_timestamp, now.wall, options_.label_skew)) {
    ++counters_.initiation_replayed;
  } else if (peer->initiation_read && now.steady - *peer->initiation_read < kInitiationInterval) {
    ++counters_.initiation_too_soon;
  } else {
    peer->last_timestamp = *label;
    peer->initiation_read = now.steady;
    came_from(now, *peer, incoming);
    answer(now, *peer, std::move(*opened), out);
  }
}

void Device::answer(Now now, Peer& peer, OpenedInitiation opened, Output& out) {
  Response message;
  const SessionIndex remote = opened.sender;
  auto keys = respond(std::move(opened), peer.keys, rng_, message);
  if (!keys) return;
  auto keypair = keypair_of(std::move(*keys), now.steady, false, remote);
  keypair->local = message.sender = new_index();
  peer.keypairs.install_responder(std::move(keypair), retired_);
  update_lanes(peer);
  peer.handshake_sent = now.steady;
  peer.timers.session_derived(now.steady, rng_);
  ++counters_.sessions;
  ++counters_.responses_sent;
  const auto datagram = out.allocate(kResponseSize);
  encode(message, datagram);
  peer.jar.add_macs(now.steady, datagram);
  transmit(now, peer, datagram, out);
}

void Device::receive_response(Now now, const Datagram& incoming, Output& out) {
  if (!admit_handshake(now.steady, incoming, out)) return;
  const auto message = decode_response(incoming.bytes);
  const auto at = pending_.find(message.receiver);
  if (at == pending_.end()) {
    ++counters_.index_unknown;
    return;
  }
  Peer& peer = *at->second;
  auto keys = finish(*peer.pending, identity_, peer.keys, message);
  if (!keys) {
    ++counters_.response_forged;
    return;
  }
  came_from(now, peer, incoming);
  peer.timers.handshake_complete();
  // Both sides may have begun a handshake at once. Then both use the session that the side with the
  // smaller key began, so that one side alone renews it. Our own session serves until the peer's
  // session is proven, or not at all.
  const auto crossed = [&](const Keypair* theirs) {
    return theirs != nullptr && !theirs->initiator && theirs->created >= peer.pending_since &&
           peer.keys.public_key < identity_.public_key;
  };
  if (crossed(peer.keypairs.current())) {
    drop_pending(peer);
    return;
  }
  auto keypair = keypair_of(std::move(*keys), now.steady, true, message.sender);
  keypair->local = message.receiver;
  drop_pending(peer);
  peer.keypairs.install_initiator(std::move(keypair), crossed(peer.keypairs.next()), retired_);
  update_lanes(peer);
  peer.timers.session_derived(now.steady, rng_);
  peer.last_handshake = now;
  peer.last_minute_handshake = false;
  ++counters_.sessions;
  // The responder may not send before it has received a packet with the new keys.
  if (peer.lane->staged.empty()) send_keepalive(now, peer, out);
  lane_.flush_staged(now.steady, *peer.lane, out);
}

void Device::receive_cookie(Instant now, const Datagram& incoming) {
  const auto message = decode_cookie_reply(incoming.bytes);
  Peer* peer = find(message.receiver);
  if (peer == nullptr) {
    ++counters_.index_unknown;
  } else if (!peer->jar.accept(now, message)) {
    ++counters_.cookie_forged;
  }
}

}  // namespace culvert::wireguard
