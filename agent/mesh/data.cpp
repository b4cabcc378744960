// Packets: datagrams and relay frames in, mesh packets out, and the other way round.
//
// In: UDP sockets and relays → handle_datagrams(): STUN and disco to the prober, the rest to
// WireGuard → receive(): the filter → effects: this node's stack.
// Out: this node's stack → handle_packets(): the filter → WireGuard → transmit(): the prober says
// where → effects: UDP sockets, and the queues of the relays.
#include <algorithm>

#include "agent/mesh/farewell.hpp"
#include "agent/mesh/mesh.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/ip/build.hpp"
#include "proto/ip/path_mtu.hpp"
#include "proto/wireguard/messages.hpp"

namespace culvert::agent {
namespace {

constexpr std::size_t kSealing = wireguard::kTransportOverhead;  // the sizes of paths allow padding
constexpr Duration kTooBigEvery = 10ms;  // "packet too big" answers: one in this time
constexpr int kTooBigBurst = 64;         // "packet too big" answers: so many at once

std::string describe(const path::PathStatus& direct) {
  std::string out = direct.endpoint ? " " + format(*direct.endpoint) : "";
  if (direct.size < path::kFullSize) {
    out += ", packets up to " + std::to_string(direct.size - kSealing) + " bytes";
  }
  return out;
}

// An agent that stops begins no session: its peer would take the agent for one that is back.
bool begins_session(ByteView datagram) {
  return wireguard::message_type(datagram) == wireguard::MessageType::kInitiation;
}

}  // namespace

void Mesh::handle_datagrams(Now now, std::span<const Datagram> batch) {
  for (const Datagram& datagram : batch) {
    if (path::Prober::is_ours(datagram.bytes)) {
      prober_.handle_datagram(now.steady, datagram);
    } else if (may_come(datagram.way) && !(stopping_ && begins_session(datagram.bytes))) {
      incoming_.push_back(datagram);
    }
  }
  receive(now);
}

// WireGuard datagrams come through a relay only from peers. A direct sender proves its identity in
// the WireGuard handshake.
bool Mesh::may_come(const Way& from) const {
  const auto* relayed = std::get_if<RelayWay>(&from);
  return relayed == nullptr || by_relay_key_.contains(relayed->key);
}

void Mesh::relayed(Now now, Relays::Inbox& inbox) {
  handle_datagrams(now, inbox.packets);
  if (inbox.refused) relay_error_ = std::move(inbox.refused);
  for (const RelayIndex relay : inbox.ready) {
    log(LogLevel::kInfo, "relay connected", relays_.name_of(relay));
    prober_.relay_connected(now.steady, relay);
    news_ = true;  // peers get a home
  }
}

void Mesh::receive(Now now) {
  if (incoming_.empty()) return;
  wireguard::Output& wire = effects_.sealed;
  device_.receive(now, incoming_, wire);
  incoming_.clear();
  for (const wireguard::Received& received : wire.packets) {
    const bool site = options_.role == Role::kSite;
    if (site) watch_process(received);
    if (!site && is_farewell(received.packet)) {
      peer_stopped(now, received.peer);
      continue;
    }
    const auto view = ip::PacketView::parse(received.packet);
    const Verdict verdict =
        site ? filter_.from_grantee(now.steady, view) : filter_.to_grantee(now.steady, view);
    if (verdict == Verdict::kNotGranted || verdict == Verdict::kNoFlow) {
      refuse_peer(now, received.peer, *view);
    }
    if (verdict != Verdict::kPass) continue;
    if (unclaimed_) watch_answer(now, *view);
    // The maximum segment size of a connection that begins fits the path.
    std::optional<Bytes> changed;
    if (prober_.smallest() < path::kFullSize) {
      const std::size_t size = prober_.status(now.steady, received.peer).size;
      changed = ip::clamp_mss(received.packet, size - kSealing);
    }
    if (site && opens_connection(received.packet)) {
      if (!changed) changed = to_bytes(received.packet);
      clear_process_tag(*changed);  // the stack gets the packet as the other stack made it
    }
    if (changed) {
      effects_.mesh.add(*changed);
    } else {
      effects_.mesh.refer(received.packet);
    }
  }
  wire.packets.clear();
}

void Mesh::handle_packets(Now now, std::span<const RoomyPacket> packets) {
  passed_.clear();
  Filter::Gate gate;
  if (options_.host_stack) {
    gate = [this, now](const Endpoint& to) { return gate_.may_open(now, to); };
  }
  const bool narrow = prober_.smallest() < path::kFullSize;
  for (const RoomyPacket& packet : packets) {
    const auto view = ip::PacketView::parse(packet.packet());
    const Verdict verdict = options_.role == Role::kSite
                                ? filter_.to_grantee(now.steady, view)
                                : filter_.from_grantee(now.steady, view, gate);
    if (verdict != Verdict::kPass) {
      refuse(view);
      continue;
    }
    if (options_.role == Role::kDevice && opens_connection(packet.packet())) {
      if (unclaimed_) watch_opening(*view);
      set_process_tag(packet.packet(), process_);
    }
    if (narrow) tell_too_big(now, *view);
    passed_.push_back(packet);
  }
  if (!passed_.empty()) device_.send_in_place(now, passed_, effects_.sealed);
}

// A packet that a direct path does not carry goes through the relay, and this node's stack is told
// to send smaller packets. A host's own stack ignores an answer below IPv6's minimum (RFC 8201 §4),
// so such a stack gets no answer below the minimum.
void Mesh::tell_too_big(Now now, const ip::PacketView& packet) {
  const std::size_t least = options_.host_stack ? ip::kIpv6MinimumMtu : 0;
  const std::size_t size = packet.packet.size();
  if (size <= std::max(least, prober_.smallest() - kSealing)) return;
  if (now.steady + kTooBigBurst * kTooBigEvery < too_big_full_) return;
  const auto peer = std::find_if(peers_.begin(), peers_.end(), [&](const auto& each) {
    return each.second.allowed.contains(Prefix::host(packet.destination));
  });
  if (peer == peers_.end()) return;
  const std::size_t carried =
      std::max(least, prober_.status(now.steady, peer->first).size - kSealing);
  if (size <= carried) return;
  too_big_full_ = std::max(too_big_full_, now.steady) + kTooBigEvery;
  if (const auto answer = ip::icmpv6_too_big(packet, options_.address, carried)) {
    effects_.mesh.add(*answer);
  }
}

// Sends a datagram on the way that it names.
void Mesh::send(Now now, const Datagram& datagram) {
  std::visit(overloaded{
                 [&](const UdpWay& way) { effects_.datagrams.add(way, datagram.bytes); },
                 [&](const RelayWay& way) { relays_.send(now, way.key, datagram.bytes); },
                 [](std::monostate) {},
             },
             datagram.way);
}

void Mesh::transmit(Now now) {
  crypto::WireGuardKey last;
  path::Route route;
  const crypto::RelayKey* relay_key = nullptr;  // of `last`, where it has one
  bool known = false;                           // is `last` a peer?
  auto& sealed = effects_.sealed.datagrams;
  for (const auto& [to, datagram] : sealed) {
    if (to.is_zero()) {  // a cookie: it goes back on the way of the handshake
      send(now, datagram);
      continue;
    }
    if (to != last) {
      last = to;
      const auto peer = peers_.find(to);
      known = peer != peers_.end();
      relay_key = known && peer->second.owns_relay ? &peer->second.node.relay : nullptr;
      if (known) route = prober_.route(now.steady, to);
    }
    if (!known) continue;
    const bool fits = datagram.bytes.size() <= route.size;
    const bool relayed = relay_key != nullptr && (route.relay_too || !fits) &&
                         relays_.send(now, *relay_key, datagram.bytes);
    // A datagram that is too large is tried directly where no relay takes it: it is lost otherwise.
    if (route.direct && (fits || !relayed)) {
      effects_.datagrams.refer({UdpWay{*route.direct}, datagram.bytes, datagram.ecn});
    }
  }
  sealed.clear();  // the memory stays until the effects are cleared
  prober_.drain(paths_);
  for (path::PathDatagram& datagram : paths_.datagrams) send(now, {datagram.way, datagram.bytes});
  for (const path::PathChanged& change : paths_.changes) {
    const auto peer = peers_.find(change.peer);
    if (peer == peers_.end()) continue;
    const bool direct = change.status.kind == path::PathKind::kDirect;
    log(LogLevel::kInfo, direct ? "path is direct" : "path is relayed",
        peer->second.node.name.str() + (direct ? describe(change.status) : ""));
  }
  pings_.take(paths_.answers, relays_);
  relays_.flush(now, effects_);
}

// On a laptop, while some grant waits for its first use: a connection of this node's stack begins.
void Mesh::watch_opening(const ip::PacketView& packet) {
  const auto flags = packet.tcp_flags();
  if (!flags || (*flags & ip::kSyn) == 0) return;
  gate_.opening({packet.source, packet.source_port().value_or(0)},
                {packet.destination, packet.destination_port().value_or(0)});
}

// On a laptop: a packet of a service with data, so the site's agent has accepted the connection.
void Mesh::watch_answer(Now now, const ip::PacketView& packet) {
  if (packet.protocol != ip::kTcp || packet.payload().empty()) return;
  gate_.answered(now, {packet.destination, packet.destination_port().value_or(0)});
}

}  // namespace culvert::agent
