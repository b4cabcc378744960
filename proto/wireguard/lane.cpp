#include "proto/wireguard/lane.hpp"

#include <utility>

#include "proto/ip/ecn.hpp"
#include "proto/ip/packet.hpp"

namespace culvert::wireguard {

void Lane::send(Instant now, std::span<const RoomyPacket> packets, Output& out) {
  Routes routes(routes_);
  for (const auto& place : packets) send_one(now, place.packet(), &place, routes, out);
  seal();
}

void Lane::send(Instant now, std::span<const ByteView> packets, Output& out) {
  Routes routes(routes_);
  for (const ByteView packet : packets) send_one(now, packet, nullptr, routes, out);
  seal();
}

void Lane::send_one(Instant now, ByteView packet, const RoomyPacket* place, Routes& routes,
                    Output& out) {
  const auto addresses = ip::Addresses::parse(packet);
  if (!addresses || addresses->total_length > kMaxPacket) {
    ++counters_.packet_malformed;
    return;
  }
  LanePeer* const peer = routes(addresses->destination);
  if (peer == nullptr) {
    ++counters_.packet_unroutable;
    return;
  }
  const auto whole = packet.first(addresses->total_length);
  if (peer->now.current != nullptr && peer->now.current->may_seal(now)) {
    seal(now, *peer, whole, place, out);
  } else {
    stage(*peer, whole);
  }
}

// Lays the datagram out. The datagrams of a call are sealed as one batch at its end. An empty
// packet is a keepalive, which is no data and has no ECN bits.
void Lane::seal(Instant now, LanePeer& peer, ByteView packet, const RoomyPacket* place,
                Output& out) {
  const auto datagram = seals_.add(*peer.now.current, packet, place, options_.mtu, out);
  const auto ecn = packet.empty() ? std::uint8_t{0} : ip::ecn_of(packet);
  out.datagrams.push_back({peer.now.public_key, {peer.now.way, datagram, ecn}});
  ++counters_.packets_sealed;
  auto& happened = report(peer);
  happened.sent = now;
  if (!packet.empty()) happened.sent_data = now;
  happened.sent_bytes += datagram.size();
}

bool Lane::send_keepalive(Instant now, LanePeer& peer, Output& out) {
  if (peer.now.current == nullptr || !peer.now.current->may_seal(now)) return false;
  seal(now, peer, {}, nullptr, out);
  return true;
}

void Lane::stage(LanePeer& peer, ByteView packet) {
  if (peer.staged.size() == kMaxStaged) {
    peer.staged.pop_front();
    ++counters_.packet_staged_out;
  }
  peer.staged.push_back(to_bytes(packet));
  report(peer).wants_session = true;
}

void Lane::flush_staged(Instant now, LanePeer& peer, Output& out) {
  while (!peer.staged.empty() && peer.now.current != nullptr && peer.now.current->may_seal(now)) {
    seal(now, peer, peer.staged.front(), nullptr, out);
    peer.staged.pop_front();
  }
}

void Lane::receive(Instant now, std::span<Datagram> datagrams, Output& out,
                   std::vector<Datagram>& rest) {
  queue_openings(now, datagrams, rest);
  opens_.open(counters_);
  Routes routes(routes_);
  for (std::size_t i = 0; i < opens_.size(); ++i) {
    if (opens_.ok(i)) deliver(now, openings_[i], opens_.plain(i), routes, out);
  }
  opens_.clear();
  openings_.clear();
}

// Queues transport messages for opening and appends handshake messages to `rest`. A lane knows
// every session before the peer can use it (lane.hpp), so an index that the lane does not know is
// unknown to the device as well.
void Lane::queue_openings(Instant now, std::span<Datagram> datagrams, std::vector<Datagram>& rest) {
  std::optional<SessionIndex> last;  // the last look-up, since a burst mostly has one session
  Entry entry{};
  for (const auto& incoming : datagrams) {
    const auto type = message_type(incoming.bytes);
    if (type != MessageType::kTransport) {
      if (type) {
        rest.push_back(incoming);
      } else {
        ++counters_.datagram_malformed;
      }
      continue;
    }
    const auto index = decode_transport(incoming.bytes).receiver;
    if (last != index) {
      const auto at = indices_.find(index);
      entry = at == indices_.end() ? Entry{} : at->second;
      last = index;
    }
    if (entry.keypair == nullptr) {
      ++counters_.index_unknown;
    } else if (opens_.add(now, *entry.keypair, incoming.bytes, counters_)) {
      openings_.push_back({entry, &incoming});
    }
  }
}

void Lane::deliver(Instant now, const Opening& opening, MutableByteView plain, Routes& routes,
                   Output& out) {
  auto& [peer, keypair] = opening.entry;
  auto& happened = report(*peer);
  ++counters_.packets_opened;
  happened.received = now;
  happened.received_bytes += opening.incoming->bytes.size();
  if (options_.roaming && peer->now.way != opening.incoming->way) {
    peer->now.way = opening.incoming->way;
    happened.came_from = opening.incoming->way;
  }
  if (keypair == peer->now.next.get()) happened.proven = keypair->local;
  if (plain.empty()) {
    ++counters_.keepalives_received;
    return;
  }
  happened.received_data = now;
  const auto addresses = ip::Addresses::parse(plain);
  if (!addresses) {
    ++counters_.inner_malformed;
  } else if (routes(addresses->source) != peer) {
    ++counters_.inner_source_denied;
  } else if (!ip::ecn_decapsulate(plain, opening.incoming->ecn)) {
    ++counters_.inner_ecn_dropped;
  } else {
    out.packets.push_back({peer->now.public_key, plain.first(addresses->total_length)});
  }
}

void Lane::apply(Instant now, const LaneChanges& changes, Output& out) {
  if (changes.mtu) options_.mtu = *changes.mtu;
  for (const auto& [id, state] : changes.peers) {
    if (!state) continue;
    LanePeer* const known = find(id);
    LanePeer& peer = known != nullptr ? *known : add(id);
    set(peer, *state);
    flush_staged(now, peer, out);
  }
  for (const auto& [prefix, owner] : changes.routes) {
    LanePeer* const peer = owner ? find(*owner) : nullptr;
    if (peer == nullptr) {
      routes_.remove(prefix);
    } else {
      routes_.insert(prefix, peer);
    }
  }
  for (const auto& [id, state] : changes.peers) {
    LanePeer* const known = find(id);
    if (!state && known != nullptr) remove(*known);
  }
  seal();
}

LanePeer& Lane::add(PeerId id, Peer* owner) {
  auto& peer = peers_[id];
  peer = std::make_unique<LanePeer>();
  peer->id = id;
  peer->owner = owner;
  return *peer;
}

void Lane::set(LanePeer& peer, const LanePeerState& state) {
  forget_indices(peer);
  peer.now = state;
  for (const auto& keypair : state.opens) indices_[keypair->local] = {&peer, keypair.get()};
  if (state.given_up) {
    counters_.packet_staged_out += peer.staged.size();
    peer.staged.clear();
  }
}

void Lane::remove(LanePeer& peer) {
  forget_indices(peer);
  routes_.remove_all(&peer);
  if (peer.report) {  // the last report takes the place
    std::swap(reports_[*peer.report], reports_.back());
    reports_[*peer.report].peer->report = peer.report;
    reports_.pop_back();
  }
  peers_.erase(PeerId(peer.id));  // a copy: the key may not be part of what is erased
}

void Lane::forget_indices(const LanePeer& peer) {
  for (const auto& keypair : peer.now.opens) indices_.erase(keypair->local);
}

LanePeer* Lane::find(SessionIndex index) const {
  const auto at = indices_.find(index);
  return at == indices_.end() ? nullptr : at->second.peer;
}

LanePeer* Lane::find(PeerId id) const {
  const auto at = peers_.find(id);
  return at == peers_.end() ? nullptr : at->second.get();
}

LaneReport& Lane::report(LanePeer& peer) {
  if (!peer.report) {
    peer.report = reports_.size();
    reports_.emplace_back().peer = &peer;
  }
  return reports_[*peer.report].report;
}

void Lane::take_reports(LaneReports& into) {
  for (const auto& [peer, report] : reports_) {
    into.merge(peer->id, report);
    peer->report.reset();
  }
  reports_.clear();
}

}  // namespace culvert::wireguard
