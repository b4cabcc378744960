// When a grant is in force, and how it ends.
#include "proto/trust/grants/grants_state.hpp"

namespace culvert::trust {
namespace {

tl::unexpected<Error> denied(std::string why) { return fail(ErrorCode::kDenied, std::move(why)); }

}  // namespace

bool Grants::State::in_window(Now now, const GrantRecord& record) const {
  const auto time = clock(now);
  const bool running = !record.steady_end || now.steady < *record.steady_end;
  return running && time + kStartSkew >= record.grant.not_before && time < record.ends() &&
         (observer || record.claimed() || time < record.grant.claim_by);
}

Status Grants::State::check_may_begin(Now now, const GrantRecord& record) const {
  const auto& site = record.grant.site.id;
  const auto& roots = who.roots();
  const auto time = clock(now);
  if (who.clock().went_back(now)) return denied("the clock went back; correct it or reset it");
  if (roots.vendor_chain()->forked() || roots.site_chain(site)->forked()) {
    return denied("a root has two texts for one epoch");
  }
  if (time >= roots.vendor()->expires) return denied("the vendor's root has expired");
  if (time >= roots.site(site)->expires) return denied("the site's root has expired");
  const auto* rules = who.policy(site);
  const auto* device = who.node(now, record.grant.device);
  if (rules != nullptr && rules->device_age && device != nullptr &&
      time >= device->issued + *rules->device_age) {
    return denied("the device statement is older than " +
                  std::to_string(rules->device_age->count()) +
                  " h, the most that the policy allows; next: culvert device renew");
  }
  return leased.check(now, who, site);
}

Status Grants::State::check_in_force(Now now, const GrantRecord& record) const {
  const auto& grant = record.grant;
  if (locked) return denied("locked here");
  if (ended.contains(grant.id)) return denied("over");
  if (record.approval.refusal) return fail_with(*record.approval.refusal);
  if (!record.approval.complete()) return denied("approvals are missing");
  if (!in_window(now, record)) return denied("not in its time");
  if (who.node(now, grant.device) == nullptr) {
    return denied("the device statement is not in force");
  }
  if (who.device_ended(grant.device, grant.site.id)) {
    return denied("the device is revoked at this site");
  }
  if (!record.steady_end) return check_may_begin(now, record);
  return {};
}

void Grants::State::end(Now now, const GrantId& id, WallTime not_after, EndCause cause) {
  Tombstone tombstone{not_after, who.clock().forget_at(now, not_after, kTombstoneKeep), cause, {}};
  if (const auto* held = find(id)) {
    tombstone.device = held->grant.device;
    running_of_device.remove(held->grant.device);
    running_at_site.remove(held->grant.site.id);
  }
  ended.add(id, tombstone);
  ++revision;
}

void Grants::advance(Now now) {
  auto& state = *state_;
  const auto time = state.clock(now);
  state.standing.advance(now, state.who);
  for (auto& [id, record] : state.grants) {
    if (state.ended.contains(id)) continue;
    const auto& grant = record.grant;
    const bool over =
        time >= record.ends() || (record.steady_end && now.steady >= *record.steady_end);
    if (over) {
      state.end(now, id, grant.not_after, EndCause::kExpired);
    } else if (!state.observer && !record.claimed() && time >= grant.claim_by) {
      state.end(now, id, grant.not_after, EndCause::kUnclaimed);
    } else if (!record.steady_end && state.check_in_force(now, record)) {
      record.steady_end = now.steady + (record.ends() - time);
    }
  }
  state.prune(now);
}

// Forgets tombstones and claims at their age.
void Grants::State::prune(Now now) {
  const auto age = who.clock().stored().age;
  if (age.seconds < pruned.seconds + kPruneEvery) return;
  pruned = age;
  const auto forgotten = ended.forget(clock(now), age);
  for (const auto& id : forgotten) grants.erase(id);
  const auto old_claims =
      std::erase_if(claims, [&](const auto& entry) { return entry.second.forget <= age; });
  if (!forgotten.empty() || old_claims != 0) ++revision;
}

Instant Grants::next_change(Now now) const {
  Earliest out(now, state_->clock(now));
  for (const auto& [id, record] : state_->grants) {
    if (state_->ended.contains(id)) continue;
    out.at(record.ends());
    if (!state_->observer && !record.claimed()) out.at(record.grant.claim_by);
    if (record.steady_end) {
      out.at(*record.steady_end);
    } else {
      out.at(record.grant.not_before - kStartSkew);
    }
  }
  state_->standing.add_ends(out, state_->who);
  return out.first();
}

void Grants::claim(Now now, const GrantId& id) {
  const auto found = state_->grants.find(id);
  if (found == state_->grants.end() || found->second.claimed()) return;
  auto& record = found->second;
  if (!state_->check_in_force(now, record)) return;
  record.claimed_at = state_->clock(now);
  const auto left = now.steady + (record.ends() - *record.claimed_at);
  record.steady_end = std::min(record.steady_end.value_or(left), left);
  state_->claims[id] = {*record.claimed_at,
                        state_->who.clock().forget_at(now, record.grant.not_after, kTombstoneKeep)};
  ++state_->revision;
}

// A denial lasts until the latest end of the denied grant.
WallTime Grants::State::end_of(Now now, const GrantId& id) const {
  if (const auto* held = find(id)) return held->grant.not_after;
  const auto latest = clock(now) + kMaxAhead + kMaxClaim + kMaxGrantTime;
  return StandingAccess::end_of(id, who).value_or(latest);
}

void Grants::deny(Now now, const GrantId& id) {
  if (state_->ended.contains(id)) return;
  state_->end(now, id, state_->end_of(now, id), EndCause::kDenied);
}

void Grants::set_lock(bool locked) {
  if (state_->locked != locked) ++state_->revision;
  state_->locked = locked;
}

bool Grants::locked() const { return state_->locked; }

// A grant that was made under a wrong clock looks the same as a replayed grant, so people must ask
// again. Tombstones and claims stay until their age removes them.
void Grants::end_all(Now now) {
  for (const auto& [id, record] : state_->grants) {
    if (state_->ended.contains(id)) continue;
    state_->end(now, id, record.grant.not_after, EndCause::kExpired);
  }
  state_->grants_from = now.wall;
  ++state_->revision;
}

}  // namespace culvert::trust
