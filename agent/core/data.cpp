// Packets: datagrams and relay frames in, mesh packets out, and the other way round.
#include <algorithm>

#include "agent/core/farewell.hpp"
#include "agent/core/parts.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/ip/build.hpp"
#include "proto/ip/path_mtu.hpp"
#include "proto/wireguard/messages.hpp"

namespace culvert::agent {
namespace {

constexpr std::size_t kSealing = wireguard::kTransportOverhead;  // the sizes of paths allow padding

std::string describe(const path::PathStatus& direct) {
  std::string out = direct.endpoint ? " " + format(*direct.endpoint) : "";
  if (direct.size < path::kFullSize) {
    out += ", packets up to " + std::to_string(direct.size - kSealing) + " bytes";
  }
  return out;
}

// An agent that stops begins none: its peer would take it for one that is back.
bool begins_session(ByteView datagram) {
  return wireguard::message_type(datagram) == wireguard::MessageType::kInitiation;
}

}  // namespace

void Core::Parts::datagrams(Now now, std::span<const Datagram> batch) {
  for (const Datagram& datagram : batch) {
    if (path::Prober::is_ours(datagram.bytes)) {
      prober.handle_datagram(now.steady, datagram);
    } else if (may_come(datagram.way) && !(stopping && begins_session(datagram.bytes))) {
      incoming.push_back(datagram);
    }
  }
  receive(now);
}

// WireGuard datagrams come through a relay only from peers. Whoever comes directly proves itself to
// the device.
bool Core::Parts::may_come(const Way& from) const {
  const auto* relayed = std::get_if<RelayWay>(&from);
  return relayed == nullptr || by_relay_key.contains(relayed->key);
}

void Core::Parts::relayed(Now now, Relays::Inbox& inbox) {
  datagrams(now, inbox.packets);
  if (!inbox.refused.empty()) relay_error = inbox.refused;
  for (const RelayIndex relay : inbox.ready) {
    log(LogLevel::kInfo, "relay connected", relays.name_of(relay));
    prober.relay_connected(now.steady, relay);
    access_dirty = true;  // peers get a home
  }
}

void Core::Parts::receive(Now now) {
  if (incoming.empty()) return;
  wireguard::Output& wire = effects.sealed;
  device.receive(now, incoming, wire);
  incoming.clear();
  for (const wireguard::Received& received : wire.packets) {
    const bool site = options.role == Role::kSite;
    if (site) watch_process(received);
    if (!site && is_farewell(received.packet)) {
      peer_stopped(now, received.peer);
      continue;
    }
    const Verdict verdict = site ? filter.from_grantee(now.steady, received.packet)
                                 : filter.to_grantee(now.steady, received.packet);
    if (verdict == Verdict::kNotGranted || verdict == Verdict::kNoFlow) refuse_peer(now, received);
    if (verdict != Verdict::kPass) continue;
    if (unclaimed) claim_answered(now, received.packet);
    // A connection that begins hears what the path carries, where that is not the usual.
    std::optional<Bytes> changed;
    if (prober.smallest() < path::kFullSize) {
      const std::size_t size = prober.status(now.steady, received.peer).size;
      changed = ip::clamp_mss(received.packet, size - kSealing);
    }
    if (site && opens_connection(received.packet)) {
      if (!changed) changed = to_bytes(received.packet);
      clear_process_tag(*changed);  // the stack gets the packet as the other stack made it
    }
    if (changed) {
      effects.mesh.add(*changed);
    } else {
      effects.mesh.refer(received.packet);
    }
  }
  wire.packets.clear();
}

void Core::Parts::mesh(Now now, std::span<const ByteView> packets) {
  passed.clear();
  process.clear();
  Filter::Gate gate;
  if (options.host_stack) {
    gate = [this, now](const Endpoint& to) { return host_flow(now, to); };
  }
  for (const ByteView packet : packets) {
    const Verdict verdict = options.role == Role::kSite
                                ? filter.to_grantee(now.steady, packet)
                                : filter.from_grantee(now.steady, packet, gate);
    if (verdict != Verdict::kPass) {
      refuse(packet);
    } else {
      const bool opens = options.role == Role::kDevice && opens_connection(packet);
      if (opens && unclaimed) note_opening(packet);
      passed.push_back(opens ? process.tagged(packet) : packet);
    }
  }
  if (passed.empty()) return;
  if (prober.smallest() < path::kFullSize) tell_too_big(now, passed);
  device.send(now, passed, effects.sealed);
}

// What a direct path does not carry goes through the relay, and our stack is told to send less. A
// host's own takes no less than IPv6's minimum for an answer, so none is given below that.
void Core::Parts::tell_too_big(Now now, std::span<const ByteView> packets) {
  const std::size_t least = options.host_stack ? ip::kIpv6MinimumMtu : 0;
  for (const ByteView packet : packets) {
    if (packet.size() <= std::max(least, prober.smallest() - kSealing)) continue;
    if (now.steady + kTooBigBurst * kTooBigEvery < due.too_big) return;
    const auto view = ip::PacketView::parse(packet);
    const auto peer = std::find_if(peers.begin(), peers.end(), [&](const auto& each) {
      return view && each.second.allowed.contains(Prefix::host(view->destination));
    });
    if (peer == peers.end()) continue;
    const std::size_t carried =
        std::max(least, prober.status(now.steady, peer->first).size - kSealing);
    if (packet.size() <= carried) continue;
    due.too_big = std::max(due.too_big, now.steady) + kTooBigEvery;
    if (const auto answer = ip::icmpv6_too_big(*view, node.address(), carried)) {
      effects.mesh.add(*answer);
    }
  }
}

// Sends a datagram on the way that it names.
void Core::Parts::send(Now now, const Datagram& datagram) {
  std::visit(overloaded{
                 [&](const UdpWay& way) { effects.datagrams.add(way, datagram.bytes); },
                 [&](const RelayWay& way) { relays.send(now, way.key, datagram.bytes); },
                 [](std::monostate) {},
             },
             datagram.way);
}

void Core::Parts::transmit(Now now) {
  crypto::WireGuardKey last;
  path::Route route;
  const crypto::RelayKey* relay_key = nullptr;  // of `last`, where it has one
  bool known = false;                           // is `last` a peer?
  auto& sealed = effects.sealed.datagrams;
  for (const auto& [to, datagram, is_handshake] : sealed) {
    if (to.is_zero()) {  // a cookie: back to where the handshake came from
      send(now, datagram);
      continue;
    }
    if (to != last) {
      last = to;
      const auto peer = peers.find(to);
      known = peer != peers.end();
      relay_key = known && peer->second.owns_relay ? &peer->second.node.relay : nullptr;
      if (known) route = prober.route(now.steady, to);
    }
    if (!known) continue;
    const bool fits = datagram.bytes.size() <= route.size;
    const bool relayed = relay_key != nullptr && (route.relay_too || !fits) &&
                         relays.send(now, *relay_key, datagram.bytes);
    // Too large and no relay: then it is tried, it is lost otherwise.
    if (route.direct && (fits || !relayed)) {
      effects.datagrams.refer({UdpWay{*route.direct}, datagram.bytes, datagram.ecn});
    }
  }
  sealed.clear();  // the memory stays until the effects are cleared
  prober.drain(paths);
  for (path::PathDatagram& datagram : paths.datagrams) send(now, {datagram.way, datagram.bytes});
  for (const path::PathChanged& change : paths.changes) {
    const auto peer = peers.find(change.peer);
    if (peer == peers.end()) continue;
    const bool direct = change.status.kind == path::PathKind::kDirect;
    log(LogLevel::kInfo, direct ? "path is direct" : "path is relayed",
        peer->second.node.name.str() + (direct ? describe(change.status) : ""));
  }
  finish_pings();
  relays.flush(now, effects);
}

void Core::Parts::finish_pings() {
  for (const path::PingAnswer& answer : paths.answers) {
    const auto ping = pings.find(answer.id);
    if (ping == pings.end()) continue;  // answered already, by the quicker path
    const std::string& name = ping->second.name;
    if (answer.kind == path::PathKind::kUnknown) {
      answered_pings.emplace_back(std::move(ping->second.done),
                                  fail(ErrorCode::kTimeout, "no answer from " + name));
      pings.erase(ping);
      continue;
    }
    PingResult result;
    result.peer = name;
    result.round_trip = answer.round_trip;
    if (answer.kind == path::PathKind::kDirect) {
      result.path = PathKind::kDirect;
      if (answer.endpoint) result.via = format(*answer.endpoint);
    } else if (answer.kind == path::PathKind::kRelay) {
      result.path = PathKind::kRelay;
      result.via = relays.home_for(ping->second.relay);
    }
    answered_pings.emplace_back(std::move(ping->second.done), std::move(result));
    pings.erase(ping);
  }
}

}  // namespace culvert::agent
