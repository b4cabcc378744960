// What Evidence answers about access, and the local decisions.
#include <algorithm>

#include "proto/trust/evidence_state.hpp"

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

// The earliest of some moments that lie ahead.
constexpr Duration kLastSecondStep = 50ms;

class Earliest {
 public:
  Earliest(Now now, WallTime clock) : now_(now), clock_(clock) {}

  // The clock is known in whole seconds only: the last one is looked at in small steps, so that
  // nothing ends late by what the clock does not say.
  void at(WallTime when) {
    if (when <= clock_) return;
    at(now_.steady + std::max<Duration>(when - clock_ - std::chrono::seconds(1), kLastSecondStep));
  }
  void at(Instant when) {
    if (when > now_.steady) first_ = std::min(first_, when);
  }
  Instant first() const { return first_; }

 private:
  Now now_;
  WallTime clock_;
  Instant first_ = Instant::never();
};

}  // namespace

RequestState Evidence::state(const GrantId& id, Now now) const {
  RequestState out;
  const auto& floors = state_->floors;
  const auto found = state_->grants.find(id);
  const auto ended = floors.tombstones.find(id);
  if (ended != floors.tombstones.end()) {
    out.phase = ended_phase(ended->second.cause, floors.claims.count(id) != 0);
  }
  if (found == state_->grants.end()) {
    if (ended == floors.tombstones.end()) out.why = "no such grant is known here";
    return out;
  }
  const auto& record = found->second;
  out.vendor = record.approval.vendor;
  out.customer = record.approval.customer;
  out.vendor_missing = record.approval.vendor_missing();
  out.customer_missing = record.approval.customer_missing();
  out.ends = record.ends();
  out.pre_approved = record.approval.pre_approved;
  if (ended != floors.tombstones.end()) return out;
  const auto time = state_->clock(now);
  const bool complete = record.approval.complete();
  // An observer cannot know whether a complete one was used; an incomplete one cannot have been.
  const bool unclaimed =
      !record.claimed() && time >= record.grant.claim_by && (!state_->pins.observer || !complete);
  if (time >= record.ends() || unclaimed) {
    out.phase = record.claimed() ? RequestPhase::kCompleted : RequestPhase::kExpired;
  } else if (!record.approval.why.empty()) {
    out.phase = RequestPhase::kInvalid;
    out.why = record.approval.why;
  } else if (!complete) {
    out.phase = RequestPhase::kPending;
  } else {
    out.phase = record.claimed() ? RequestPhase::kActive : RequestPhase::kApproved;
    out.why = state_->held_back(record, now);
  }
  return out;
}

std::vector<LiveGrant> Evidence::live(Now now) const {
  std::vector<LiveGrant> out;
  for (const auto& [id, record] : state_->grants) {
    if (!record.steady_end || !state_->held_back(record, now).empty()) continue;
    const auto& site = state_->sites.at(record.grant.site.id);
    const auto& rules = *state_->policy(site);
    LiveGrant live;
    live.grant = record.grant;
    live.device = *state_->node(record.grant.device, state_->clock(now));
    live.service = *rules.service(record.grant.service);
    live.publishers = state_->publishers(live.service, site, state_->clock(now));
    live.claimed = record.claimed();
    live.lease = rules.lease;
    live.lease_by = rules.lease_by;
    live.pre_approved = record.approval.pre_approved;
    live.ends = record.ends();
    live.ends_steady = *record.steady_end;
    out.push_back(std::move(live));
  }
  for (const auto& [id, site] : state_->sites) {
    if (state_->usable(id) == nullptr) continue;
    auto more = state_->standing(site, now);
    std::move(more.begin(), more.end(), std::back_inserter(out));
  }
  return out;
}

Instant Evidence::next_change(Now now) const {
  Earliest out(now, state_->clock(now));
  for (const auto& [id, record] : state_->grants) {
    if (state_->floors.tombstones.count(id) != 0) continue;
    out.at(record.ends());
    if (!state_->pins.observer && !record.claimed()) out.at(record.grant.claim_by);
    if (record.steady_end) {
      out.at(*record.steady_end);
    } else {
      out.at(record.grant.not_before - kStartSkew);
    }
  }
  for (const auto& [identity, held] : state_->nodes) {
    if (held.vouched) out.at(held.statement.expires);
  }
  for (const auto& [identity, held] : state_->services) {
    if (held.vouched) out.at(held.statement.expires);
  }
  for (const auto& [id, site] : state_->sites) {
    const auto* rules = policy(id);
    if (rules == nullptr) continue;
    for (const auto& standing : rules->standings) out.at(standing.until);
    if (rules->fresh && site.fresh) out.at(site.fresh->statement.issued + *rules->fresh);
  }
  for (const auto& [id, ends] : state_->standing_ends) out.at(ends);
  return out.first();
}

Status Evidence::check_request(const note::Note& note, Now now) const {
  const auto grant = Grant::parse(note.text);
  if (!grant) return fail_with(grant.error());
  const auto time = state_->clock(now);
  if (auto status = state_->grant_bears(*grant, note, time); !status) return status;
  const auto held = state_->grants.find(grant->id);
  if (held != state_->grants.end() && held->second.note.text != note.text) {
    return fail(ErrorCode::kConflict, "grant: its id has another text already");
  }
  if (grant->policy != policy_hash(grant->site.id)) {
    return fail(ErrorCode::kStale, "grant: made under another policy; ask again");
  }
  if (state_->floors.tombstones.count(grant->id) != 0 || time >= grant->claim_by) {
    return fail(ErrorCode::kStale, "grant: it is over; ask again");
  }
  const GrantRecord record{*grant, note, state_->assess(*grant, note), {}, {}};
  if (!record.approval.why.empty()) return fail(ErrorCode::kDenied, record.approval.why);
  const auto barred = state_->start_barred(record, now);
  if (!barred.empty()) return fail(ErrorCode::kDenied, barred);
  return {};
}

Result<VerifiedLease> Evidence::verify_lease(const note::Note& note) const {
  auto lease = Lease::parse(note.text);
  if (!lease) return fail_with(lease.error());
  const auto* site = state_->usable(lease->site);
  if (site == nullptr || lease->vendor_id != state_->vendor_id()) {
    return unverified("lease: of a site or vendor not known here");
  }
  auto by = state_->signers(note, site);
  if (!by) return fail_with(by.error());
  const auto doubled = doubled_keys(*site->chain.current(), *state_->vendor_root());
  std::erase_if(*by, [&](const note::KnownKey& signer) {
    return std::find(doubled.begin(), doubled.end(), signer.key) != doubled.end();
  });
  const bool vendor = !persons(*state_->vendor_root(), Group::kLease, *by).empty();
  const bool customer = !persons(*site->chain.current(), Group::kLease, *by).empty();
  if (!vendor && !customer) return unverified("lease: no lease key signed it");
  return VerifiedLease{std::move(*lease), vendor, customer};
}

void Evidence::claim(const GrantId& id, Now now) {
  const auto found = state_->grants.find(id);
  if (found == state_->grants.end() || found->second.claimed()) return;
  auto& record = found->second;
  if (!state_->held_back(record, now).empty()) return;
  record.claimed_at = state_->clock(now);
  const auto left = now.steady + (record.ends() - *record.claimed_at);
  record.steady_end = std::min(record.steady_end.value_or(left), left);
  state_->floors.claims[id] = {
      *record.claimed_at,
      state_->store_clock.forget_at(record.grant.not_after, now, kTombstoneKeep)};
  ++state_->revision;
}

void Evidence::deny(const GrantId& id, Now now) {
  if (state_->floors.tombstones.count(id) != 0) return;
  state_->end(id, state_->end_of(id, now), EndCause::kDenied, now);
}

void Evidence::set_lock(bool locked) {
  if (state_->floors.locked != locked) ++state_->revision;
  state_->floors.locked = locked;
}

// The clock was wrong, so nothing that was granted by it can be told from a replay: ask again.
// What must be remembered stays: it goes by age.
void Evidence::reset_clock(Now now) {
  for (const auto& [id, record] : state_->grants) {
    if (state_->floors.tombstones.count(id) == 0) {
      state_->end(id, record.grant.not_after, EndCause::kExpired, now);
    }
  }
  state_->store_clock.reset(now.wall);
  state_->floors.clock = state_->store_clock.stored();
  state_->floors.grants_from = now.wall;
  ++state_->revision;
}

}  // namespace culvert::trust
