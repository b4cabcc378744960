#include "proto/trust/grants/grants.hpp"

#include <array>

#include "proto/trust/grants/grants_state.hpp"

namespace culvert::trust {
namespace {

RequestPhase ended_phase(EndCause cause, bool claimed) {
  switch (cause) {
    case EndCause::kExpired:
      return claimed ? RequestPhase::kCompleted : RequestPhase::kExpired;
    case EndCause::kUnclaimed:
      return RequestPhase::kExpired;
    case EndCause::kRevoked:
      return RequestPhase::kRevoked;
    case EndCause::kDenied:
      return RequestPhase::kDenied;
    case EndCause::kWithdrawn:
      return RequestPhase::kWithdrawn;
  }
  return RequestPhase::kInvalid;
}

}  // namespace

std::string_view phase_name(RequestPhase phase) {
  constexpr std::array<std::string_view, 9> kNames = {"PENDING",   "APPROVED",  "ACTIVE",
                                                      "COMPLETED", "EXPIRED",   "REVOKED",
                                                      "DENIED",    "WITHDRAWN", "INVALID"};
  return kNames[static_cast<std::size_t>(phase)];
}

Grants::State::State(Register& register_of, GrantFloors from, bool sees_no_use)
    : who(register_of),
      observer(sees_no_use),
      ended(std::move(from.tombstones)),
      claims(std::move(from.claims)),
      grants_from(from.grants_from),
      locked(from.locked) {}

const GrantRecord* Grants::State::find(const GrantId& id) const {
  const auto found = grants.find(id);
  return found == grants.end() ? nullptr : &found->second;
}

Grants::Grants(Register& who, GrantFloors floors, bool observer)
    : state_(std::make_unique<State>(who, std::move(floors), observer)) {}
Grants::~Grants() = default;
Grants::Grants(Grants&&) noexcept = default;
Grants& Grants::operator=(Grants&&) noexcept = default;

void Grants::reassess(const Touched& touched) {
  if (!touched.everything && touched.sites.empty() && touched.devices.empty()) return;
  for (auto& [id, record] : state_->grants) {
    if (!touched.everything && !touched.sites.contains(record.grant.site.id) &&
        !touched.devices.contains(record.grant.device)) {
      continue;
    }
    record.approval = assess(state_->who, record.grant, record.note);
  }
}

void Grants::heed(const Lease& verified, RootKind by) { state_->leased.heed(verified, by); }

const Grant* Grants::grant(const GrantId& id) const {
  const auto* held = state_->find(id);
  return held == nullptr ? nullptr : &held->grant;
}

const note::Note* Grants::note(const GrantId& id) const {
  const auto* held = state_->find(id);
  return held == nullptr ? nullptr : &held->note;
}

std::vector<GrantId> Grants::ids() const {
  std::vector<GrantId> out;
  for (const auto& [id, record] : state_->grants) out.push_back(id);
  return out;
}

std::vector<note::Note> Grants::notes() const {
  std::vector<note::Note> out;
  for (const auto& [id, record] : state_->grants) {
    if (!state_->ended.contains(id)) out.push_back(record.note);
  }
  return out;
}

bool Grants::ended(const GrantId& id) const { return state_->ended.contains(id); }

RequestState Grants::state(Now now, const GrantId& id) const {
  RequestState out;
  const auto* ended = state_->ended.find(id);
  const auto* record = state_->find(id);
  if (ended != nullptr) out.phase = ended_phase(ended->cause, state_->claims.contains(id));
  if (record == nullptr) {
    if (ended == nullptr) out.obstacle = Error{ErrorCode::kNotFound, "no such grant is known here"};
    return out;
  }
  const auto& approval = record->approval;
  out.vendor = approval.vendor;
  out.customer = approval.customer;
  out.vendor_missing = approval.vendor_missing();
  out.customer_missing = approval.customer_missing();
  out.ends = record->ends();
  out.pre_approved = approval.pre_approved;
  if (ended != nullptr) return out;
  const auto time = state_->clock(now);
  // An observer does not know whether a complete request was used; an incomplete one was not used.
  const bool unclaimed = !record->claimed() && time >= record->grant.claim_by &&
                         (!state_->observer || !approval.complete());
  if (time >= record->ends() || unclaimed) {
    out.phase = record->claimed() ? RequestPhase::kCompleted : RequestPhase::kExpired;
  } else if (approval.refusal) {
    out.phase = RequestPhase::kInvalid;
    out.obstacle = approval.refusal;
  } else if (!approval.complete()) {
    out.phase = RequestPhase::kPending;
  } else {
    out.phase = record->claimed() ? RequestPhase::kActive : RequestPhase::kApproved;
    const auto in_force = state_->check_in_force(now, *record);
    if (!in_force) out.obstacle = in_force.error();
  }
  return out;
}

std::vector<LiveGrant> Grants::live(Now now) const {
  std::vector<LiveGrant> out;
  if (state_->locked) return out;
  const auto& who = state_->who;
  for (const auto& [id, record] : state_->grants) {
    if (!record.steady_end || !state_->check_in_force(now, record)) continue;
    const auto& site = record.grant.site.id;
    const auto& rules = *who.policy(site);
    LiveGrant live;
    live.grant = record.grant;
    live.device = *who.node(now, record.grant.device);
    live.service = *rules.service(record.grant.service);
    live.publishers = who.publishers(now, site, live.service);
    live.claimed = record.claimed();
    live.lease = rules.lease;
    live.lease_by = rules.lease_by;
    live.pre_approved = record.approval.pre_approved;
    live.ends = record.ends();
    live.ends_steady = *record.steady_end;
    out.push_back(std::move(live));
  }
  auto standing = state_->standing.live(now, who, state_->ended);
  std::move(standing.begin(), standing.end(), std::back_inserter(out));
  return out;
}

std::vector<GrantId> Grants::lost_under(const Register& after) const {
  std::vector<GrantId> out;
  for (const auto& [id, record] : state_->grants) {
    if (state_->ended.contains(id) || !record.approval.complete()) continue;
    if (!assess(after, record.grant, record.note).complete()) out.push_back(id);
  }
  return out;
}

GrantFloors Grants::floors() const {
  return {state_->grants_from, state_->locked, state_->ended.all(), state_->claims};
}

std::uint64_t Grants::revision() const { return state_->revision; }

}  // namespace culvert::trust
