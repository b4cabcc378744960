// How flows end: resets for either end, an agent that stops, a device that has started anew.
#include "agent/mesh/farewell.hpp"
#include "agent/mesh/mesh.hpp"
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

// Answers a packet of this node's own stack. A segment of a connection that was open is answered by
// a reset; all else of a host's programs by ICMPv6 "prohibited", the same for what exists and what
// does not. A stack of this process knows TCP alone.
void Mesh::refuse(const Filter::Packet& packet) {
  if (!packet) return;
  const auto flags = packet->tcp_flags();
  const bool by_reset = !options_.host_stack || (flags && (*flags & ip::kAck) != 0);
  const auto answer =
      by_reset ? ip::tcp_reset(*packet) : ip::icmpv6_prohibited(*packet, options_.address);
  if (answer) effects_.mesh.add(*answer);
}

// Answers a packet of a peer: the peer's stack hears that there is no such flow, and does not wait.
void Mesh::refuse_peer(Now now, const crypto::WireGuardKey& from, const ip::PacketView& packet) {
  const auto peer = peers_.find(from);
  const auto answer = ip::tcp_reset(packet);
  if (!answer || peer == peers_.end() || !peer->second.memory.resets.take(now.steady)) return;
  const ByteView one = *answer;
  device_.send(now, {&one, 1}, effects_.sealed);
}

// Resets to a host's own stack. A reset that is not quite right makes the stack say what it expects
// (a challenge ACK, RFC 5961 §3.2); refuse() answers the challenge exactly.
void Mesh::reset(const std::vector<Filter::Cut>& flows) {
  if (!options_.host_stack) return;  // the shell cuts those of a stack in this process: CutFlows
  for (const Filter::Cut& flow : flows) {
    if (!flow.at_grantee.acknowledged) continue;  // still opening: its next SYN is refused
    const ip::TcpFields fields{
        .flags = ip::kRst, .sequence = *flow.at_grantee.acknowledged, .window = 0};
    effects_.mesh.add(ip::tcp_packet(flow.service, flow.grantee, fields, {}));
  }
}

// Resets to the stack at the other end of the tunnel, while the peer is still known.
void Mesh::tell_peer(Now now, const std::vector<Filter::Cut>& flows) {
  for (const Filter::Cut& flow : flows) {
    const auto packets = options_.role == Role::kSite
                             ? resets(flow.service, flow.grantee, flow.at_grantee, flow.at_service)
                             : resets(flow.grantee, flow.service, flow.at_service, flow.at_grantee);
    const std::vector<ByteView> views(packets.begin(), packets.end());
    device_.send(now, views, effects_.sealed);
  }
}

// At a site: a device that has started anew has forgotten the connections of its last process.
void Mesh::watch_process(const wireguard::Received& packet) {
  if (!opens_connection(packet.packet)) return;
  const auto peer = peers_.find(packet.peer);
  if (peer == peers_.end()) return;
  if (!peer->second.memory.processes.is_new(process_tag_of(packet.packet))) return;
  const trust::Node& other = peer->second.node;
  filter_.end_flows(other.address());
  effects_.events.emplace_back(
      CutFlows{other.address(), std::nullopt, "the device has started anew"});
  log(LogLevel::kInfo, "a device has started anew: its old connections are ended",
      other.name.str());
}

// A flow is over for this node: the filter refuses it, and both ends hear of its end.
void Mesh::end(Now now, const Permit& permit, const std::string& why) {
  const auto cut = filter_.forbid(permit.grantee, permit.service);
  reset(cut);
  tell_peer(now, cut);
  const auto peer = peers_.find(permit.peer);
  const bool site = options_.role == Role::kSite;
  const IpAddress other =
      site || peer == peers_.end() ? permit.grantee : peer->second.node.address();
  effects_.events.emplace_back(CutFlows{other, permit.service, why});
}

// On a laptop: an agent of a site has stopped. Its connections end now. The session ends, too,
// since an agent that comes back does not know the session; the attempts to begin another session
// find the agent then.
void Mesh::peer_stopped(Now now, const crypto::WireGuardKey& key) {
  const auto peer = peers_.find(key);
  if (peer == peers_.end()) return;
  const trust::Node& node = peer->second.node;
  stopped_[key] = now.steady;
  silent_[node.identity] = now.steady + kPassedOver;
  for (const Permit& permit : permits_) {
    if (permit.peer != key) continue;
    reset(filter_.forbid(permit.grantee, permit.service));
    filter_.allow(permit.grantee, permit.service);
    effects_.events.emplace_back(
        CutFlows{node.address(), permit.service, "the site's agent has stopped"});
  }
  device_.begin_anew(now, key, effects_.sealed);
  news_ = true;  // another agent of the site may take over
  log(LogLevel::kWarning, "an agent of the site has stopped", node.name.str());
}

void Mesh::stop(Now now) {
  stopping_ = true;
  // A farewell comes from each service: a laptop may take another service of the site from another
  // agent, and then believes nothing that comes from that service's address here.
  std::set<std::pair<crypto::WireGuardKey, IpAddress>> farewells;
  for (const Permit& permit : permits_) {
    end(now, permit, "the agent stops");
    farewells.emplace(permit.peer, permit.service.address);
  }
  permits_.clear();
  if (options_.role != Role::kSite) return;
  for (const auto& [key, service] : farewells) {
    const auto peer = peers_.find(key);
    if (peer == peers_.end()) continue;
    const Bytes packet = farewell(service, peer->second.node.address());
    const std::vector<ByteView> copies(kFarewells, packet);
    device_.send(now, copies, effects_.sealed);
  }
}

}  // namespace culvert::agent
