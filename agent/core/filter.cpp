#include "agent/core/filter.hpp"

#include "proto/ip/packet.hpp"

namespace culvert::agent {

void Filter::allow(const IpAddress& grantee, const Endpoint& service) {
  allowed_.emplace(grantee, service);
}

std::vector<Filter::Cut> Filter::forbid(const IpAddress& grantee, const Endpoint& service) {
  std::vector<Cut> cut;
  allowed_.erase({grantee, service});
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    const bool ended = flow->first.grantee.address == grantee && flow->first.service == service;
    if (ended && !flow->second.over()) cut.push_back({flow->first.grantee, flow->second.expected});
    flow = ended ? forget(flow) : std::next(flow);
  }
  return cut;
}

Verdict Filter::from_grantee(Instant now, ByteView packet, const Gate& gate) {
  const Verdict verdict = pass_from(now, packet, gate);
  ++counts_[static_cast<std::size_t>(verdict)];
  return verdict;
}

Verdict Filter::to_grantee(Instant now, ByteView packet) {
  const Verdict verdict = pass_to(now, packet);
  ++counts_[static_cast<std::size_t>(verdict)];
  return verdict;
}

std::uint64_t Filter::refused() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum - count(Verdict::kPass);
}

Verdict Filter::parse(ByteView packet, bool from_grantee, Segment& out) {
  const auto view = ip::PacketView::parse(packet);
  if (!view) return Verdict::kMalformed;
  if (view->protocol != ip::kTcp || view->later_fragment) return Verdict::kNotTcp;
  const auto flags = view->tcp_flags();
  const auto source_port = view->source_port();
  const auto destination_port = view->destination_port();
  if (!flags || !source_port || !destination_port) return Verdict::kMalformed;
  const Endpoint source{view->source, *source_port};
  const Endpoint destination{view->destination, *destination_port};
  out.key = from_grantee ? FlowKey{source, destination} : FlowKey{destination, source};
  out.flags = *flags;
  out.acknowledged = load_be<std::uint32_t>(view->transport.data() + 8);
  return Verdict::kPass;
}

Verdict Filter::pass_from(Instant now, ByteView packet, const Gate& gate) {
  Segment segment;
  if (const Verdict bad = parse(packet, true, segment); bad != Verdict::kPass) return bad;
  const bool opens = (segment.flags & (ip::kSyn | ip::kAck | ip::kRst)) == ip::kSyn;
  Flow* flow = find(segment.key);
  if (flow != nullptr && opens && flow->over()) {
    forget(flows_.find(segment.key));  // the port is used again
    flow = nullptr;
  }
  if (flow == nullptr) {
    if (!allowed_.contains({segment.key.grantee.address, segment.key.service})) {
      return Verdict::kNotGranted;
    }
    return opens ? open(now, segment.key, gate) : Verdict::kNoFlow;
  }
  flow->last = now;
  if ((segment.flags & ip::kAck) != 0) flow->expected = segment.acknowledged;
  flow->fin_from = flow->fin_from || (segment.flags & ip::kFin) != 0;
  flow->reset = flow->reset || (segment.flags & ip::kRst) != 0;
  return Verdict::kPass;
}

Verdict Filter::pass_to(Instant now, ByteView packet) {
  Segment segment;
  if (const Verdict bad = parse(packet, false, segment); bad != Verdict::kPass) return bad;
  Flow* flow = find(segment.key);
  if (flow == nullptr) return Verdict::kNoFlow;
  if ((segment.flags & (ip::kSyn | ip::kAck)) == ip::kSyn) return Verdict::kNoFlow;
  flow->last = now;
  flow->answered = true;
  flow->fin_to = flow->fin_to || (segment.flags & ip::kFin) != 0;
  flow->reset = flow->reset || (segment.flags & ip::kRst) != 0;
  return Verdict::kPass;
}

Verdict Filter::open(Instant now, const FlowKey& key, const Gate& gate) {
  if (flows_of_[key.grantee.address] >= kMaxFlowsOfGrantee) {
    sweep(now);
    if (flows_of_[key.grantee.address] >= kMaxFlowsOfGrantee) return Verdict::kFull;
  }
  if (gate && !gate(key.service)) return Verdict::kGated;
  ++flows_of_[key.grantee.address];
  Flow flow;
  flow.last = now;
  flows_.emplace(key, flow);
  return Verdict::kPass;
}

Filter::Flow* Filter::find(const FlowKey& key) {
  if (last_ != nullptr && last_->first == key) return &last_->second;
  const auto found = flows_.find(key);
  if (found == flows_.end()) return nullptr;
  last_ = &*found;
  return &found->second;
}

Filter::Flows::iterator Filter::forget(Flows::iterator flow) {
  if (last_ == &*flow) last_ = nullptr;
  const auto owner = flows_of_.find(flow->first.grantee.address);
  if (owner != flows_of_.end() && --owner->second == 0) flows_of_.erase(owner);
  return flows_.erase(flow);
}

bool Filter::expired(const Flow& flow, Instant now) const {
  const Duration idle = now - flow.last;
  if (flow.over()) return idle >= kLinger;
  return idle >= (flow.answered ? kIdleTime : kOpeningTime);
}

void Filter::sweep(Instant now) {
  for (auto flow = flows_.begin(); flow != flows_.end();) {
    flow = expired(flow->second, now) ? forget(flow) : std::next(flow);
  }
}

}  // namespace culvert::agent
