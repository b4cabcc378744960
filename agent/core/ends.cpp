// How flows end: resets for either end, an agent that stops, a device that has started anew.
#include "agent/core/farewell.hpp"
#include "agent/core/parts.hpp"
#include "proto/ip/build.hpp"

namespace culvert::agent {
namespace {

constexpr int kFarewells = 2;  // copies: one may be lost

// The resets for one end of a flow. Segments may be under way to this end, so there are two resets:
// one fits if the segments arrive, the other if they are lost. While the connection is opening, the
// one answer is the refusal of its SYN.
std::vector<Bytes> resets(const Endpoint& from, const Endpoint& to, const Filter::End& at,
                          const Filter::End& other) {
  std::vector<Bytes> out;
  const auto reset = [&](ip::TcpFields fields) {
    fields.window = 0;
    out.push_back(ip::tcp_packet(from, to, fields, {}));
  };
  if (at.sent) reset({.flags = ip::kRst, .sequence = *at.sent});
  if (at.acknowledged && at.acknowledged != at.sent) {
    reset({.flags = ip::kRst, .sequence = *at.acknowledged});
  }
  if (out.empty() && other.sent) {
    reset({.flags = ip::kRst | ip::kAck, .acknowledgement = *other.sent});
  }
  return out;
}

}  // namespace

// For a packet of our own stack. A segment of a connection that was open is answered by a reset;
// all else of a host's programs by ICMPv6 "prohibited", the same for what exists and what does not.
// A stack of this process knows TCP alone.
void Core::Parts::refuse(ByteView packet) {
  const auto view = ip::PacketView::parse(packet);
  if (!view) return;
  const auto flags = view->tcp_flags();
  const bool by_reset = !options.host_stack || (flags && (*flags & ip::kAck) != 0);
  const auto answer =
      by_reset ? ip::tcp_reset(*view) : ip::icmpv6_prohibited(*view, node.address());
  if (answer) effects.mesh.add(*answer);
}

// For a packet of a peer: its stack hears that there is nothing, and does not wait.
void Core::Parts::refuse_peer(Now now, const wireguard::Received& packet) {
  const auto peer = peers.find(packet.peer);
  const auto view = ip::PacketView::parse(packet.packet);
  const auto answer = view ? ip::tcp_reset(*view) : std::nullopt;
  if (!answer || peer == peers.end() || !peer->second.state.resets.take(now.steady)) return;
  const ByteView one = *answer;
  device.send(now, {&one, 1}, effects.sealed);
}

// To a host's own stack. A reset that is not quite right makes the stack say what it expects (a
// challenge ACK, RFC 5961 §3.2); refuse() answers that one exactly.
void Core::Parts::reset(const std::vector<Filter::Cut>& flows) {
  if (!options.host_stack) return;  // the shell cuts those of a stack in this process: CutFlows
  for (const Filter::Cut& flow : flows) {
    if (!flow.at_grantee.acknowledged) continue;  // still opening: its next SYN is refused
    const ip::TcpFields fields{
        .flags = ip::kRst, .sequence = *flow.at_grantee.acknowledged, .window = 0};
    effects.mesh.add(ip::tcp_packet(flow.service, flow.grantee, fields, {}));
  }
}

// To the stack at the other end of the tunnel, while that is still there.
void Core::Parts::tell_peer(Now now, const std::vector<Filter::Cut>& flows) {
  for (const Filter::Cut& flow : flows) {
    const auto packets = options.role == Role::kSite
                             ? resets(flow.service, flow.grantee, flow.at_grantee, flow.at_service)
                             : resets(flow.grantee, flow.service, flow.at_service, flow.at_grantee);
    const std::vector<ByteView> views(packets.begin(), packets.end());
    device.send(now, views, effects.sealed);
  }
}

// At a site: what a process that is no more has left open would wait for nobody.
void Core::Parts::watch_process(const wireguard::Received& packet) {
  if (!opens_connection(packet.packet)) return;
  const auto peer = peers.find(packet.peer);
  if (peer == peers.end()) return;
  if (!peer->second.state.processes.is_new(process_tag_of(packet.packet))) return;
  const trust::Node& other = peer->second.node;
  filter.end_flows(other.address());
  effects.events.emplace_back(
      CutFlows{other.address(), std::nullopt, "the device has started anew"});
  log(LogLevel::kInfo, "a device has started anew: its old connections are ended",
      other.name.str());
}

// On a laptop: an agent of a site has stopped. Its connections end now; the session goes, since an
// agent that comes back does not know it, and the attempts to begin another find it.
void Core::Parts::peer_stopped(Now now, const crypto::WireGuardKey& key) {
  const auto peer = peers.find(key);
  if (peer == peers.end()) return;
  peer->second.state.stopped = now.steady;
  silent[peer->second.node.identity] = now.steady + kPassedOver;
  for (const auto& [id, right] : rights) {
    if (right.other.wireguard != key) continue;
    reset(filter.forbid(right.grantee, right.service));
    filter.allow(right.grantee, right.service);
    effects.events.emplace_back(
        CutFlows{right.other.address(), right.service, "the site's agent has stopped"});
  }
  device.begin_anew(now, key, effects.sealed);
  access_dirty = true;  // another agent of the site may take over
  log(LogLevel::kWarning, "an agent of the site has stopped", peer->second.node.name.str());
}

bool Core::Parts::has_stopped(const crypto::WireGuardKey& key) const {
  const auto peer = peers.find(key);
  if (peer == peers.end() || !peer->second.state.stopped) return false;
  const auto info = device.peer(key);
  return !info || !info->last_handshake ||
         info->last_handshake->steady <= *peer->second.state.stopped;
}

void Core::stop(Now now) {
  Parts& p = *parts_;
  p.stopping = true;
  const bool site = p.options.role == Role::kSite;
  // From each service: a laptop may take another service of the site from another agent, and then
  // believes nothing that comes from that service's address here.
  std::set<std::pair<crypto::WireGuardKey, IpAddress>> farewells;
  for (const auto& [id, right] : p.rights) {
    const auto cut = p.filter.forbid(right.grantee, right.service);
    p.reset(cut);
    p.tell_peer(now, cut);
    p.effects.events.emplace_back(
        CutFlows{site ? right.grantee : right.other.address(), right.service, "the agent stops"});
    farewells.emplace(right.other.wireguard, right.service.address);
  }
  for (const auto& [key, service] : farewells) {
    if (!site || !p.peers.contains(key)) continue;
    const Bytes packet = farewell(service, p.peers.at(key).node.address());
    const std::vector<ByteView> copies(kFarewells, packet);
    p.device.send(now, copies, p.effects.sealed);
  }
  p.settle(now);
}

}  // namespace culvert::agent
