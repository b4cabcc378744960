// The receiving part of Device: datagrams to packets, and handshakes that peers begin.
#include <utility>

#include "proto/ip/ecn.hpp"
#include "proto/ip/packet.hpp"
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

// Opens all transport messages as one batch, then handles the handshake messages. No session can
// begin and carry data within one batch: the peer needs our answer before it sends data.
void Device::receive(Now now, std::span<Datagram> datagrams, Output& out) {
  const bool handshakes = queue_openings(now.steady, datagrams);
  opens_.open(counters_);
  Routes routes(allowed_ips_);
  for (std::size_t i = 0; i < opens_.size(); ++i) {
    if (opens_.ok(i)) deliver(now, openings_[i], opens_.plain(i), routes, out);
  }
  opens_.clear();
  openings_.clear();
  for (std::size_t i = 0; handshakes && i < datagrams.size(); ++i) {
    const auto type = message_type(datagrams[i].bytes);
    if (type == MessageType::kInitiation) receive_initiation(now, datagrams[i], out);
    if (type == MessageType::kResponse) receive_response(now, datagrams[i], out);
    if (type == MessageType::kCookieReply) receive_cookie(now.steady, datagrams[i]);
  }
  settle(now, out);
}

// Queues the transport messages for opening. True: `datagrams` has handshake messages as well.
bool Device::queue_openings(Instant now, std::span<Datagram> datagrams) {
  bool handshakes = false;
  std::optional<SessionIndex> last;  // the last look-up, since a burst mostly has one session
  IndexEntry entry{};
  for (const auto& incoming : datagrams) {
    const auto type = message_type(incoming.bytes);
    if (type != MessageType::kTransport) {
      if (!type) ++counters_.datagram_malformed;
      handshakes |= type.has_value();
      continue;
    }
    const auto index = decode_transport(incoming.bytes).receiver;
    if (last != index) {
      const auto at = indices_.find(index);
      entry = at == indices_.end() ? IndexEntry{} : at->second;
      last = index;
    }
    if (entry.keypair == nullptr) {
      ++counters_.index_unknown;
    } else if (opens_.add(*entry.keypair, now, incoming.bytes, counters_)) {
      openings_.push_back({entry, &incoming});
    }
  }
  return handshakes;
}

void Device::deliver(Now now, const Opening& opening, MutableByteView plain, Routes& routes,
                     Output& out) {
  auto& [peer, keypair] = opening.entry;
  ++counters_.packets_opened;
  came_from(*peer, *opening.incoming);
  confirm(now, *peer, keypair, out);
  if (plain.empty()) {
    ++counters_.keepalives_received;
    return;
  }
  peer->received_data = true;
  deliver_inner(*peer, plain, opening.incoming->ecn, routes, out);
}

// The first packet with a responder's new keys proves that the initiator has the keys too.
void Device::confirm(Now now, Peer& peer, const Keypair* used, Output& out) {
  if (!peer.keypairs.confirm(used, retired_)) return;
  peer.timers.handshake_complete();
  peer.last_handshake = now;
  peer.last_minute_handshake = false;
  lane_feed_.update(peer);
  flush_staged(now, peer, out);
}

void Device::deliver_inner(Peer& peer, MutableByteView plain, std::uint8_t ecn, Routes& routes,
                           Output& out) {
  const auto addresses = ip::Addresses::parse(plain);
  if (!addresses) {
    ++counters_.inner_malformed;
  } else if (routes(addresses->source) != &peer) {
    ++counters_.inner_source_denied;
  } else if (!ip::ecn_decapsulate(plain, ecn)) {
    ++counters_.inner_ecn_dropped;
  } else {
    out.packets.push_back({peer.keys.public_key, plain.first(addresses->total_length)});
  }
}

// Notes an authenticated datagram of this peer.
void Device::came_from(Peer& peer, const Datagram& incoming) {
  if (options_.roaming) roam(peer, incoming.way);
  peer.received_bytes += incoming.bytes.size();
  peer.received_any = true;
  touch(peer);
}

void Device::roam(Peer& peer, const Way& to) {
  if (peer.way == to) return;
  peer.way = to;
  lane_feed_.update(peer);
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
    out.datagrams.push_back({{}, {incoming.way, datagram}, true});
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
    came_from(*peer, incoming);
    answer(now, *peer, std::move(*opened), out);
  }
}

void Device::answer(Now now, Peer& peer, OpenedInitiation opened, Output& out) {
  Response message;
  const SessionIndex remote = opened.sender;
  auto keys = respond(std::move(opened), peer.keys, rng_, message);
  if (!keys) return;
  auto keypair = keypair_of(std::move(*keys), now.steady, false, remote);
  keypair->local = message.sender = new_index({&peer, keypair.get()});
  peer.keypairs.install_responder(std::move(keypair), retired_);
  lane_feed_.update(peer);
  peer.handshake_sent = now.steady;
  peer.timers.session_derived(now.steady, rng_);
  ++counters_.sessions;
  ++counters_.responses_sent;
  const auto datagram = out.allocate(kResponseSize);
  encode(message, datagram);
  peer.jar.add_macs(now.steady, datagram);
  transmit(peer, datagram, true, out);
}

void Device::receive_response(Now now, const Datagram& incoming, Output& out) {
  if (!admit_handshake(now.steady, incoming, out)) return;
  const auto message = decode_response(incoming.bytes);
  const auto at = indices_.find(message.receiver);
  if (at == indices_.end() || at->second.keypair != nullptr) {
    ++counters_.index_unknown;
    return;
  }
  Peer& peer = *at->second.peer;
  auto keys = finish(*peer.pending, identity_, peer.keys, message);
  if (!keys) {
    ++counters_.response_forged;
    return;
  }
  came_from(peer, incoming);
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
  at->second.keypair = keypair.get();
  peer.pending.reset();
  peer.keypairs.install_initiator(std::move(keypair), crossed(peer.keypairs.next()), retired_);
  lane_feed_.update(peer);
  peer.timers.session_derived(now.steady, rng_);
  peer.last_handshake = now;
  peer.last_minute_handshake = false;
  ++counters_.sessions;
  // The responder may not send before it has received a packet with the new keys.
  if (peer.staged.empty()) send_keepalive(now, peer, out);
  flush_staged(now, peer, out);
}

void Device::receive_cookie(Instant now, const Datagram& incoming) {
  const auto message = decode_cookie_reply(incoming.bytes);
  const auto at = indices_.find(message.receiver);
  if (at == indices_.end()) {
    ++counters_.index_unknown;
  } else if (!at->second.peer->jar.accept(now, message)) {
    ++counters_.cookie_forged;
  }
}

}  // namespace culvert::wireguard
