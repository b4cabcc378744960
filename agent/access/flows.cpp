// Flows that begin and end, and local decisions. A flow that begins has its audit entry first.
//
// In order: a packet or a stream begins a flow → right_to() → open_flow() claims the grant (at the
// site) and writes the audit entry → the flow goes on → flow_closed() writes the last entry.
#include "agent/access/access.hpp"

namespace culvert::agent {

// On success the claim and the audit entry are durable; otherwise the flow is refused.
Result<Openings::Opened> Access::open_flow(Now now, const Right& right) {
  // The site's agent decides which flow is a grant's first use; a laptop waits for its answer
  // (Claims).
  if (basis_.is_site() && right.waits_for_claim()) {
    basis_.evidence.claim(now, right.live.grant.id);
    persist(now);
    look_again();
  }
  if (!store_ok()) return fail(ErrorCode::kUnavailable, "the site store cannot be written");
  audit::Entry entry;
  entry.kind = audit::Kind::kFlowOpen;
  entry.who = right.live.grant.requester.str();
  entry.device = crypto::format_ed25519(right.live.device.identity);
  entry.site = right.live.grant.site.name.str();
  entry.grant = right.live.grant.id.str();
  entry.service = right.live.service.name.str();
  auto opened = openings_.open(now, std::move(entry));
  // open() has recorded the failure of the audit log; decide() reports the failure.
  if (!opened && !basis_.journal.writable()) look_again();
  return opened;
}

Result<Right> Access::dial(Now now, const trust::Fqdn& name) {
  const Right* right = right_to(rights(), name, evidence().sites());
  if (right == nullptr) return fail(ErrorCode::kNotFound, "no such service");
  if (auto ok = open_flow(now, *right); !ok) return fail_with(ok.error());
  return *right;
}

bool Access::may_open(Now now, const Endpoint& service) {
  const Right* right = right_to(rights(), service);
  return right != nullptr && open_flow(now, *right).has_value();
}

void Access::opening(const Endpoint& client, const Endpoint& service) {
  claims_.opening(client, service);
}

void Access::answered(Now now, const Endpoint& client) { claims_.answered(now, client); }

Result<FlowContext> Access::authorize_flow(Now now, const IpAddress& peer,
                                           const std::string& fqdn) {
  const Right* right = stopping_ ? nullptr : right_to(rights(), peer, fqdn);
  if (right == nullptr) {
    audit::Entry entry;
    entry.kind = audit::Kind::kFlowDenied;
    entry.service = fqdn;
    entry.detail = format(peer);
    openings_.denied(now, peer, std::move(entry));
    return fail(ErrorCode::kDenied, "no grant in force");
  }
  const auto opened = open_flow(now, *right);
  if (!opened) return fail_with(opened.error());
  // The opening may have claimed the grant: its end is known from here on.
  const auto ends = evidence().state(now, right->live.grant.id).ends;
  return FlowContext{right->live.grant.requester.str(),
                     right->live.grant.id.str(),
                     crypto::format_ed25519(right->live.device.identity),
                     ends.value_or(right->live.ends),
                     opened->audit,
                     opened->member};
}

void Access::flow_closed(Now now, const FlowContext& flow, const std::string& fqdn,
                         std::uint64_t bytes_in, std::uint64_t bytes_out,
                         const std::string& reason) {
  audit::Entry entry;
  entry.kind = audit::Kind::kFlowClose;
  entry.who = flow.person;
  entry.device = flow.device;
  entry.grant = flow.grant;
  entry.service = fqdn;
  entry.outcome = reason;
  entry.bytes_in = bytes_in;
  entry.bytes_out = bytes_out;
  openings_.close(now, std::move(entry), flow.member);
}

Result<note::Note> Access::withdraw(Now now, const trust::GrantId& id) {
  auto note = requests_.revoke(now, id);
  if (!note) return note;
  // The evidence knows a request once its approvals are complete; before, the denial ends it here.
  if (const auto taken = basis_.evidence.offer(now, *note); !taken) deny(now, id);
  basis_.changes.notes = true;
  return note;
}

Status Access::reset_clock(Now now) {
  audit::Entry entry;
  entry.kind = audit::Kind::kClock;
  entry.detail = "the clock's floor was set back by hand";
  if (auto written = basis_.journal.opening(now, std::move(entry)); !written) return written;
  basis_.evidence.reset_clock(now);
  keeper_.save_wall_clock(now);
  own_.look_again(now);
  return {};
}

Status Access::choose_fork(Now now, const trust::Hash& text) {
  if (auto chosen = basis_.evidence.choose_fork(text); !chosen) return chosen;
  audit::Entry entry;
  entry.kind = audit::Kind::kAlarm;
  entry.detail = "of two texts of a root the operator chose " + trust::format_hash(text.view());
  record(now, std::move(entry));
  return {};
}

}  // namespace culvert::agent
