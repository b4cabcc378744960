#include "agent/mesh/filter.hpp"

#include <algorithm>

namespace culvert::agent {

struct Filter::Segment {
  FlowKey key;
  std::uint8_t flags = 0;
  std::uint32_t acknowledged = 0;
  std::uint32_t next = 0;  // the sequence number behind it
};

std::size_t Filter::FlowHash::operator()(const FlowKey& key) const noexcept {
  return std::hash<Endpoint>{}(key.grantee) * 1000003U + std::hash<Endpoint>{}(key.service);
}

void Filter::allow(const IpAddress& grantee, const Endpoint& service) {
  grantees_[grantee].services.insert(service);
}

std::vector<Filter::Cut> Filter::forbid(const IpAddress& grantee, const Endpoint& service) {
  std::vector<Cut> cut;
  const auto owner = grantees_.find(grantee);
  if (owner == grantees_.end()) return cut;
  owner->second.services.erase(service);
  for (Order* flows : {&owner->second.open, &owner->second.brief}) {
    for (auto flow = flows->begin(); flow != flows->end();) {
      Entry& each = **flow++;
      if (each.first.service == service) end(each, cut);
    }
  }
  if (owner->second.services.empty()) grantees_.erase(owner);  // so it has no flows
  return cut;
}

std::vector<Filter::Cut> Filter::end_flows(const IpAddress& grantee) {
  std::vector<Cut> cut;
  const auto owner = grantees_.find(grantee);
  if (owner == grantees_.end()) return cut;
  for (Order* flows : {&owner->second.open, &owner->second.brief}) {
    while (!flows->empty()) end(*flows->front(), cut);
  }
  return cut;
}

void Filter::end(Entry& flow, std::vector<Cut>& cut) {
  if (!flow.second.over()) {
    cut.push_back(
        {flow.first.grantee, flow.first.service, flow.second.at_grantee, flow.second.at_service});
  }
  forget(flow);
}

Verdict Filter::from_grantee(Instant now, const Packet& packet, const Gate& gate) {
  const Verdict verdict = pass_from(now, packet, gate);
  ++counts_[static_cast<std::size_t>(verdict)];
  return verdict;
}

Verdict Filter::to_grantee(Instant now, const Packet& packet) {
  const Verdict verdict = pass_to(now, packet);
  ++counts_[static_cast<std::size_t>(verdict)];
  return verdict;
}

std::uint64_t Filter::refused() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum - count(Verdict::kPass);
}

Verdict Filter::parse(const Packet& view, bool from_grantee, Segment& out) {
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
  const bool one_more = (*flags & (ip::kSyn | ip::kFin)) != 0;
  out.next = load_be<std::uint32_t>(view->transport.data() + 4) +
             static_cast<std::uint32_t>(view->payload().size()) + (one_more ? 1U : 0U);
  return Verdict::kPass;
}

Verdict Filter::pass_from(Instant now, const Packet& packet, const Gate& gate) {
  Segment segment;
  if (const Verdict bad = parse(packet, true, segment); bad != Verdict::kPass) return bad;
  const bool opens = (segment.flags & (ip::kSyn | ip::kAck | ip::kRst)) == ip::kSyn;
  auto* found = find(segment.key);
  if (found != nullptr && opens && found->second.over()) {
    forget(*found);  // the port is used again
    found = nullptr;
  }
  if (found == nullptr) {
    if (const Verdict opened = open(now, segment, opens, gate); opened != Verdict::kPass) {
      return opened;
    }
    found = find(segment.key);
  }
  Flow& flow = found->second;
  flow.fin_from = flow.fin_from || (segment.flags & ip::kFin) != 0;
  used(now, *found, segment, flow.at_grantee, flow.at_service);
  return Verdict::kPass;
}

Verdict Filter::pass_to(Instant now, const Packet& packet) {
  Segment segment;
  if (const Verdict bad = parse(packet, false, segment); bad != Verdict::kPass) return bad;
  auto* found = find(segment.key);
  if (found == nullptr) return Verdict::kNoFlow;
  if ((segment.flags & (ip::kSyn | ip::kAck)) == ip::kSyn) return Verdict::kNoFlow;
  Flow& flow = found->second;
  flow.answered = true;
  flow.fin_to = flow.fin_to || (segment.flags & ip::kFin) != 0;
  used(now, *found, segment, flow.at_service, flow.at_grantee);
  return Verdict::kPass;
}

Verdict Filter::open(Instant now, const Segment& segment, bool opens, const Gate& gate) {
  const auto owner = grantees_.find(segment.key.grantee.address);
  if (owner == grantees_.end() || !owner->second.services.contains(segment.key.service)) {
    return Verdict::kNotGranted;
  }
  if (!opens) return Verdict::kNoFlow;
  if (gate && !gate(segment.key.service)) return Verdict::kGated;
  Grantee& grantee = owner->second;
  if (grantee.open.size() + grantee.brief.size() >= kMaxFlowsOfGrantee) {
    const bool brief = grantee.open.empty() ||
                       (!grantee.brief.empty() && grantee.brief.front()->second.ordered <=
                                                      grantee.open.front()->second.ordered);
    forget(brief ? *grantee.brief.front() : *grantee.open.front());
  }
  auto& flow = *flows_.emplace(segment.key, Flow{}).first;
  flow.second.owner = &grantee;
  flow.second.ordered = now;
  flow.second.place = grantee.brief.insert(grantee.brief.end(), &flow);
  return Verdict::kPass;
}

// The part that both directions have in common: a segment of the flow goes from one end to the
// other.
void Filter::used(Instant now, Entry& flow, const Segment& segment, End& from, End& to) {
  Flow& state = flow.second;
  state.last = now;
  if ((segment.flags & ip::kRst) != 0) {
    state.reset = true;
  } else if (!to.sent || static_cast<std::int32_t>(segment.next - *to.sent) > 0) {
    to.sent = segment.next;
  }
  if ((segment.flags & ip::kAck) != 0) from.acknowledged = segment.acknowledged;
  const bool is_open = state.answered && !state.over();
  if (is_open == state.is_open && now - state.ordered < kOrderTime) return;
  Grantee& owner = *state.owner;
  Order& order = is_open ? owner.open : owner.brief;
  order.splice(order.end(), state.is_open ? owner.open : owner.brief, state.place);
  state.is_open = is_open;
  state.ordered = now;
}

Filter::Entry* Filter::find(const FlowKey& key) {
  if (last_ != nullptr && last_->first == key) return last_;
  const auto found = flows_.find(key);
  if (found == flows_.end()) return nullptr;
  last_ = &*found;
  return last_;
}

void Filter::forget(Entry& flow) {
  if (last_ == &flow) last_ = nullptr;
  const Flow& state = flow.second;
  (state.is_open ? state.owner->open : state.owner->brief).erase(state.place);
  flows_.erase(FlowKey(flow.first));
}

bool Filter::expired(Instant now, const Flow& flow) {
  const Duration idle = now - flow.last;
  if (flow.over()) return idle >= kLinger;
  return idle >= (flow.answered ? kIdleTime : kOpeningTime);
}

// Each order begins with the flow that was used longest ago. Where that flow stays, all stay.
bool Filter::sweep(Instant now) {
  std::size_t left = kMaxSwept;
  for (auto& [address, grantee] : grantees_) {
    for (Order* order : {&grantee.open, &grantee.brief}) {
      for (; !order->empty() && expired(now, order->front()->second); --left) {
        if (left == 0) return true;
        forget(*order->front());
      }
    }
  }
  return false;
}

}  // namespace culvert::agent
