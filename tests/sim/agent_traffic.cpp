// The traffic of an agent as a host: what the agent's flows send, and the checks on each packet
// that arrives.
#include <algorithm>

#include "proto/ip/build.hpp"
#include "proto/ip/packet.hpp"
#include "proto/ip/path_mtu.hpp"
#include "proto/path/path_size.hpp"
#include "tests/sim/agent_host.hpp"

namespace culvert::sim {
namespace {

constexpr std::size_t kTcpSequence = 4;  // offset in the header
constexpr std::size_t kMeshMtu = 1420;
constexpr std::uint16_t kKnockPort = 999;  // for knocking without a grant

}  // namespace

void AgentHost::send_mesh(const Endpoint& from, const Endpoint& to, std::uint8_t flags,
                          bool with_text, bool full) {
  std::string content = with_text || full ? kPlainMark : "";
  if (full) content.resize(kMeshMtu - ip::kIpv6HeaderSize - ip::kTcpHeaderSize, '.');
  // Two agents may publish the same service, so the number names the sender too.
  const auto number = static_cast<std::uint32_t>(id()) << 24U | ++sequence_;
  auto packet = ip::tcp_packet(from, to, {flags, number, 1, 65535}, view(content));
  const RoomyPacket without_room{packet, 0, packet.size()};
  core_->handle_mesh(now(), {&without_room, 1});
}

void AgentHost::receive(ByteView bytes) {
  if (const auto too_big = ip::parse_too_big(bytes)) return told_too_big(too_big->mtu);
  const auto packet = ip::PacketView::parse(bytes);
  if (!packet || !packet->source_port() || !packet->tcp_flags()) {
    return context_.oracle.violation(name() + " was delivered something that is not TCP");
  }
  const Endpoint from{packet->source, *packet->source_port()};
  const Endpoint to{packet->destination, *packet->destination_port()};
  if ((*packet->tcp_flags() & ip::kRst) != 0 && packet->payload().empty()) {
    return is_site() ? static_cast<void>(accepted_.erase({from, to}))
                     : receive_at_laptop(from, to, *packet->tcp_flags(), false);
  }
  const auto pair = is_site() ? Pair{from.address, to} : Pair{to.address, from};
  const auto number = load_be<std::uint32_t>(packet->transport.data() + kTcpSequence);
  context_.oracle.delivered(now().steady, now().wall, id(), name(), pair, number);
  check_opened(pair);
  if (is_site()) {
    receive_at_site(from, to, *packet->tcp_flags(), bytes.size() == kMeshMtu);
  } else {
    receive_at_laptop(from, to, *packet->tcp_flags(), bytes.size() == kMeshMtu);
  }
}

// A report of a small packet size must be caused by a hole in the path. The check begins one search
// interval after the bad weather: lost packets also make a path look small until the next search.
// Bad weather ends 25 s before `calm`.
void AgentHost::told_too_big(std::size_t mtu) {
  say("is told that packets may be " + std::to_string(mtu) + " bytes long");
  if (now().steady < context_.calm + path::kSizeInterval - 20s) return;
  if (!context_.network.paths().has_hole(id())) {
    context_.oracle.violation(name() + " is told of a hole that is not there");
  }
}

void AgentHost::receive_at_site(const Endpoint& from, const Endpoint& to, std::uint8_t flags,
                                bool full) {
  const auto service = listening_.find(to);
  if (service == listening_.end()) return;
  const auto key = std::pair(from, to);
  if ((flags & ip::kSyn) != 0) {
    const auto fqdn = service->second;
    const auto flow = core_->authorize_flow(now(), from.address, fqdn);
    if (!flow) {
      say("refuses a flow: " + flow.error().message);
      return send_mesh(to, from, ip::kRst | ip::kAck, false);
    }
    check_audited(*flow, fqdn);
    context_.oracle.claimed(flow->grant, id(), flow->ends);
    check_process(from);
    accepted_[key] = now().steady;
    return send_mesh(to, from, ip::kSyn | ip::kAck, false);
  }
  const auto flow = accepted_.find(key);
  if (flow == accepted_.end()) return;
  flow->second = now().steady;
  send_mesh(to, from, ip::kAck, true, full);
}

// After a restart a laptop must no longer have connections of its earlier process.
void AgentHost::check_process(const Endpoint& from) const {
  const auto process = context_.processes.find(from.address);
  if (process == context_.processes.end() || from.port < process->second.first) return;
  for (const auto& [flow, heard] : accepted_) {
    const bool old = flow.first.address == from.address && flow.first.port >= kFirstPort &&
                     flow.first.port < process->second.first && heard < process->second.second;
    if (old) context_.oracle.violation(name() + " keeps connections of a process that is gone");
  }
}

// A grant for the pair must be in the audit log before the pair's first packet.
void AgentHost::check_opened(const Pair& pair) {
  for (; entries_read_ < audit().entries().size(); ++entries_read_) {
    const auto& entry = audit().entries()[entries_read_];
    if (entry.kind == audit::Kind::kGrantActive) opened_.insert(entry.grant);
  }
  const auto grants = context_.oracle.grants_of(pair);
  const bool any = std::any_of(grants.begin(), grants.end(),
                               [&](const std::string& grant) { return opened_.contains(grant); });
  if (!any) context_.oracle.violation(name() + " let packets pass before its audit log knew");
}

void AgentHost::check_audited(const agent::FlowContext& flow, const std::string& fqdn) {
  for (auto entry = audit().entries().rbegin(); entry != audit().entries().rend(); ++entry) {
    if (entry->kind == audit::Kind::kFlowOpen && entry->grant == flow.grant &&
        entry->service == fqdn) {
      return;
    }
  }
  context_.oracle.violation(name() + " opened a flow that its audit log does not have");
}

void AgentHost::receive_at_laptop(const Endpoint& from, const Endpoint& to, std::uint8_t flags,
                                  bool full) {
  for (auto& [fqdn, flow] : flows_) {
    if (flow.local != to || flow.service != from) continue;
    if ((flags & ip::kRst) != 0) {
      flow.heard = now().steady - kFlowDead;
      return;
    }
    flow.heard = now().steady;
    (full ? heard_full_ : heard_)[fqdn] = now().steady;
    if ((flags & ip::kSyn) != 0) send_mesh(to, from, ip::kAck, true);
    return;
  }
}

void AgentHost::talk() {
  if (is_site()) {
    std::erase_if(accepted_,
                  [&](const auto& flow) { return now().steady - flow.second > kFlowDead; });
    for (const auto& [flow, heard] : std::map(accepted_)) {
      send_mesh(flow.second, flow.first, ip::kAck | ip::kPsh, true);
    }
    return;
  }
  full_next_ = !full_next_;
  // The laptop counts the grant from the first answer that it sees. That answer may be from another
  // agent than the agent whose count lasts longest.
  for (const auto& service : core_->services(now())) {
    if (!service.claim_by && service.ends) {
      context_.oracle.laptop_ends(service.grant, *service.ends);
    }
  }
  for (const auto& service : services_) talk_to(service);
}

Endpoint AgentHost::next_local() {
  if (++last_port_ < kFirstPort) last_port_ = kFirstPort;
  return {mesh_address(), last_port_};
}

void AgentHost::open_many(const KnownService& service, int connections) {
  if (!running()) return;
  const auto granted = core_->dial(now(), service.fqdn);
  if (!granted) return;
  say("opens " + std::to_string(connections) + " connections to " + service.fqdn);
  for (int i = 0; i < connections; ++i) {
    send_mesh(next_local(), granted->endpoint, ip::kSyn, false);
  }
  pump();
}

void AgentHost::talk_to(const KnownService& service) {
  auto found = flows_.find(service.fqdn);
  if (found != flows_.end() && now().steady - found->second.heard < kFlowDead) {
    const auto& flow = found->second;
    return send_mesh(flow.local, flow.service, ip::kAck, true, full_next_);
  }
  flows_.erase(service.fqdn);
  const auto granted = core_->dial(now(), service.fqdn);
  if (!granted) {
    return send_mesh({mesh_address(), kKnockPort}, service.endpoint, ip::kSyn, false);
  }
  const Endpoint local = next_local();
  flows_[service.fqdn] = {local, granted->endpoint, now().steady};
  send_mesh(local, granted->endpoint, ip::kSyn, false);
}

}  // namespace culvert::sim
