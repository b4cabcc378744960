#include "agent/access/requests.hpp"

#include "proto/trust/statements/sign.hpp"

namespace culvert::agent {

Result<note::Note> Requests::build(Now now, const RequestOptions& wish, const trust::Fqdn& name,
                                   const crypto::Hash& policy) {
  const auto site = basis_.evidence.site(*name.site());
  if (!site) {
    return fail(ErrorCode::kNotFound, "the vendor's directory names no site " + name.site()->str());
  }
  const trust::Node* self = basis_.evidence.node(now, basis_.self());
  if (self == nullptr) return fail(ErrorCode::kDenied, "this device's admission has ended");
  if (basis_.evidence.clock_went_back(now)) {
    return fail(ErrorCode::kDenied, "the clock went back: correct it, or run culvert clock-reset");
  }
  trust::GrantRequest request;
  request.site = *site;
  request.service = name;
  request.reason = wish.reason;
  request.length = wish.duration;
  request.not_before = wish.start;
  // A policy may be unknown here until a first grant, since services stay dark. Then the request
  // waits for the default time, which may be longer than the policy's: the approvers see the time,
  // and --claim asks for less.
  const trust::Policy* rules = basis_.evidence.policy(site->id);
  request.claim =
      wish.claim.value_or(rules == nullptr ? trust::kDefaultClaim : rules->claim_time());
  request.policy = policy;
  return trust::make_grant_request(request, *self, basis_.keys.identity, now.wall, basis_.rng);
}

// The coordinator may hand this device anything; a request that the device has not signed is none.
void Requests::remember(const note::Note& note) {
  const auto grant = trust::Grant::parse(note.text);
  if (!grant || grant->device != basis_.self()) return;
  const note::KnownKey own{own_node_.node().name.str(), basis_.self()};
  const auto signers = note::verify(note, std::span(&own, 1));
  if (!signers || signers->empty()) return;
  auto known = own_.find(grant->id);
  if (known != own_.end()) {
    if (auto merged = note::merge(known->second, note)) known->second = std::move(*merged);
    return;
  }
  if (own_.size() >= kMaxOwn) own_.erase(own_.begin());  // ids rise with time
  own_.emplace(grant->id, note);
}

std::optional<trust::Grant> Requests::own(const trust::GrantId& id) const {
  const auto found = own_.find(id);
  if (found == own_.end()) return std::nullopt;
  auto grant = trust::Grant::parse(found->second.text);
  if (!grant) return std::nullopt;
  return std::move(*grant);
}

Result<note::Note> Requests::revoke(Now now, const trust::GrantId& id) const {
  const auto grant = own(id);
  if (!grant) return fail(ErrorCode::kNotFound, "no such request here");
  return trust::revoke_grant(*grant, basis_.evidence.vendor_id(), "withdrawn by the requester",
                             now.wall,
                             trust::Signer{own_node_.node().name.str(), basis_.keys.identity});
}

void Requests::record_withdrawal(Now now, const trust::GrantId& id) {
  const auto grant = own(id);
  if (!grant) return;
  audit::Entry entry;
  entry.kind = audit::Kind::kWithdrawal;
  entry.who = grant->requester.str();
  entry.grant = id.str();
  entry.service = grant->service.str();
  basis_.journal.ending(now, std::move(entry));
}

void Requests::record_request(Now now, const note::Note& note) {
  remember(note);
  const auto grant = trust::Grant::parse(note.text);
  if (!grant) return;
  audit::Entry entry;
  entry.kind = audit::Kind::kRequest;
  entry.who = grant->requester.str();
  entry.grant = grant->id.str();
  entry.service = grant->service.str();
  entry.site = grant->site.name.str();
  entry.detail = grant->reason;
  basis_.journal.ending(now, std::move(entry));
}

RequestView Requests::view(Now now, const trust::GrantId& id, const note::Note& note) const {
  RequestView view;
  view.grant = id.str();
  view.note = note.text;
  if (const auto grant = trust::Grant::parse(note.text)) {
    view.site = grant->site.name.str();
    view.requester = grant->requester.str();
    view.service = grant->service.str();
    view.reason = grant->reason;
    view.ends = grant->not_after;
    view.claim_by = grant->claim_by;
    view.duration = grant->duration;
    if (grant->not_after <= now.wall) view.phase = trust::RequestPhase::kExpired;
  }
  const trust::RequestState state = basis_.evidence.state(now, id);
  if (basis_.evidence.grant(id) != nullptr) {
    view.phase = state.phase;
    const bool pending = state.phase == trust::RequestPhase::kPending;
    if (pending) view.missing = {state.vendor_missing, state.customer_missing};
    if (state.phase == trust::RequestPhase::kInvalid && state.obstacle) {
      view.why = state.obstacle->message;
    }
    if (state.phase != trust::RequestPhase::kApproved && !pending) view.claim_by.reset();
    if (state.ends) view.ends = state.ends;
  } else if (state.phase == trust::RequestPhase::kRevoked) {
    // A request whose approvals never were complete here was denied, not revoked.
    view.phase = trust::RequestPhase::kDenied;
  } else if (state.phase == trust::RequestPhase::kDenied) {
    view.phase = trust::RequestPhase::kWithdrawn;  // this device alone has ended the request
  }
  return view;
}

std::vector<RequestView> Requests::views(Now now) const {
  std::map<trust::GrantId, note::Note> all = own_;
  if (basis_.is_site()) {
    for (const trust::GrantId& id : basis_.evidence.grants()) {
      if (const note::Note* note = basis_.evidence.grant_note(id)) all.emplace(id, *note);
    }
  }
  std::vector<RequestView> out;
  for (const auto& [id, note] : all) out.push_back(view(now, id, note));
  return out;
}

}  // namespace culvert::agent
