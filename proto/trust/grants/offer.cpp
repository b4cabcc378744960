// Grants as they arrive.
#include "proto/trust/grants/grants_state.hpp"

namespace culvert::trust {
namespace {

tl::unexpected<Error> unverified(std::string why) {
  return fail(ErrorCode::kUnverified, std::move(why));
}

std::vector<note::KnownKey> keys_of(const Node& device) {
  return {{device.name.str(), device.identity}};
}

}  // namespace

// The check needs the site, the site's policy and the vendor's root.
Status Grants::State::check_bearer(Now now, const Grant& grant, const note::Note& note) const {
  const auto* root = who.site_root(grant.site);
  if (root == nullptr) return unverified("grant: its site is not known here");
  // No policy allows these values; a refusal here keeps such a grant out of the tables for years.
  if (grant.not_before > clock(now) + kMaxAhead || grant.claim_by - grant.not_before > kMaxClaim) {
    return fail(ErrorCode::kInvalid,
                "grant: begins more than a day ahead, or waits more than 168 h for its first use");
  }
  if (who.policy(grant.site.id) == nullptr) {
    return unverified("grant: the site's policy is not known here");
  }
  const auto* device = who.node(now, grant.device);
  if (device == nullptr || who.device_ended(grant.device, grant.site.id)) {
    return unverified("grant: no device statement is in force for its device");
  }
  if (device->kind != NodeKind::kDevice || device->person != grant.requester) {
    return unverified("grant: its device is not the requester's");
  }
  const auto by = who.roots().signers(note, root, keys_of(*device));
  if (!by) return fail_with(by.error());
  const bool signed_by_device = std::any_of(
      by->begin(), by->end(), [&](const auto& signer) { return signer.key == grant.device; });
  if (!signed_by_device) return unverified("grant: the requesting device has not signed it");
  return {};
}

// Only a text that the grant's device has signed can be a contradiction: anybody may write a text.
Status Grants::State::check_text(Now now, const Grant& grant, const note::Note& note) const {
  if (auto status = check_bearer(now, grant, note); !status) return status;
  const auto* held = find(grant.id);
  if (held == nullptr || held->note.text == note.text) return {};
  return fail(ErrorCode::kConflict, "grant: " + grant.id.str() + " has another text already");
}

bool Grants::State::over(WallTime clock, const Grant& grant) const {
  const auto used = claims.find(grant.id);
  const bool used_up = used != claims.end() && clock >= used->second.at + grant.duration;
  return ended.contains(grant.id) || clock >= grant.not_after || used_up ||
         grant.not_before < grants_from;
}

Result<Change> Grants::offer(Now now, const note::Note& note, Origin origin) {
  auto& state = *state_;
  auto grant = Grant::parse(note.text);
  if (!grant) return fail_with(grant.error());
  const auto id = grant->id;
  Change change{ChangeKind::kGrant, note::hash(note), grant->site.id, id, grant->device};
  const auto held = state.grants.find(id);
  const bool known = held != state.grants.end();
  const bool same_text = !known || held->second.note.text == note.text;
  if (same_text && state.over(state.clock(now), *grant)) {
    return fail(ErrorCode::kStale, "grant: " + id.str() + " is over");
  }
  if (auto status = state.check_text(now, *grant, note); !status) return fail_with(status.error());
  const auto& roots = state.who.roots();
  const auto* root = state.who.site_root(grant->site);
  const auto own = keys_of(*state.who.admitted(grant->device));
  auto kept = roots.keep_known(note, root, own);
  if (kept && known) kept = note::merge(held->second.note, *kept);
  if (!kept) return fail_with(kept.error());
  if (known) {
    // A key that signs one text in two ways must not spoil the held note.
    if (auto by = roots.signers(*kept, root, own); !by) return fail_with(by.error());
    if (kept->signatures == held->second.note.signatures) {
      change.kind = ChangeKind::kNone;
      return change;
    }
    held->second.note = std::move(*kept);
    held->second.approval = assess(state.who, held->second.grant, held->second.note);
    return change;
  }
  if (origin == Origin::kCarrier) {
    if (auto status = state.room_for(*grant); !status) return fail_with(status.error());
  }
  GrantRecord record{std::move(*grant), std::move(*kept), {}, {}, {}};
  const auto used = state.claims.find(id);
  if (used != state.claims.end()) record.claimed_at = used->second.at;
  record.approval = assess(state.who, record.grant, record.note);
  state.running_of_device.add(record.grant.device);
  state.running_at_site.add(record.grant.site.id);
  state.grants.emplace(id, std::move(record));
  return change;
}

// Limits the pending and running grants of a device, and the tombstones of its ended grants. A full
// share refuses only the next request of that device or site. A grant that is known only from a
// revocation counts in the share of the revocation's signer, not here.
Status Grants::State::room_for(const Grant& grant) const {
  if (running_of_device.of(grant.device) >= kMaxGrantsPerDevice) {
    return fail(ErrorCode::kExhausted,
                "grant: this device has " + std::to_string(kMaxGrantsPerDevice) +
                    " requests that are not over; withdraw some (culvert requests lists them)");
  }
  if (ended.of_device(grant.device) >= kMaxEndedPerDevice) {
    return fail(ErrorCode::kExhausted,
                "grant: this device has asked too often; its ended requests are remembered for a "
                "day after their latest end");
  }
  if (running_at_site.of(grant.site.id) >= kMaxGrantsPerSite) {
    return fail(ErrorCode::kExhausted, "grant: the site has too many requests that are not over");
  }
  if (running_at_site.total() >= kMaxGrants || ended.of_devices() >= kMaxTombstones) {
    return fail(ErrorCode::kExhausted, "grant: the vendor's devices have too many requests here");
  }
  return {};
}

Status Grants::check_request(Now now, const note::Note& note) const {
  const auto grant = Grant::parse(note.text);
  if (!grant) return fail_with(grant.error());
  if (auto status = state_->check_text(now, *grant, note); !status) return status;
  if (grant->policy != state_->who.documents(grant->site.id).policy.hash) {
    return fail(ErrorCode::kStale, "grant: made under another policy; ask again");
  }
  const auto clock = state_->clock(now);
  if (state_->ended.contains(grant->id) || clock >= grant->claim_by) {
    return fail(ErrorCode::kStale, "grant: it is over; ask again");
  }
  const GrantRecord record{*grant, note, assess(state_->who, *grant, note), {}, {}};
  if (record.approval.refusal) return fail_with(*record.approval.refusal);
  return state_->check_may_begin(now, record);
}

}  // namespace culvert::trust
