// Grants and revocations as they arrive.
#include <algorithm>

#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

note::KnownKey key_of(const Node& node) { return {node.name.str(), node.identity}; }

}  // namespace

// Rule: the device's signature, a device statement in force for that key, and its person is the
// requester. Needs the site, its policy and the vendor's root.
Status Evidence::State::grant_bears(const Grant& grant, const note::Note& note,
                                    WallTime now) const {
  const auto* site = usable(grant.site);
  if (site == nullptr) return unverified("grant: its site is not known here");
  // No policy can bear either; refused here, it does not stand in the tables for years.
  if (grant.not_before > now + kMaxAhead || grant.claim_by - grant.not_before > kMaxClaim) {
    return fail(ErrorCode::kInvalid,
                "grant: begins more than a day ahead, or waits more than 168 h for its first use");
  }
  if (policy(*site) == nullptr) return unverified("grant: the site's policy is not known here");
  const auto* device = node(grant.device, now);
  if (device == nullptr || device_revoked(grant.device, grant.site.id)) {
    return unverified("grant: no device statement is in force for its device");
  }
  if (device->kind != NodeKind::kDevice || device->person != grant.requester) {
    return unverified("grant: its device is not the requester's");
  }
  const auto own = key_of(*device);
  const auto by = signers(note, site, std::span<const note::KnownKey>(&own, 1));
  if (!by) return fail_with(by.error());
  const bool signed_by_device = std::any_of(
      by->begin(), by->end(), [&](const auto& signer) { return signer.key == grant.device; });
  if (!signed_by_device) return unverified("grant: the requesting device has not signed it");
  return {};
}

Result<Change> Evidence::State::offer_grant(const note::Note& note, Now now) {
  auto grant = Grant::parse(note.text);
  if (!grant) return fail_with(grant.error());
  const auto id = grant->id;
  Change change{ChangeKind::kGrant, note::hash(note), grant->site.id, id, grant->device};
  const auto held = grants.find(id);
  if (held != grants.end() && held->second.note.text != note.text) {
    // Only what its device has signed contradicts; anybody may write down another text.
    if (auto bears = grant_bears(*grant, note, clock(now)); !bears) return fail_with(bears.error());
    return fail(ErrorCode::kConflict, "grant: " + id.str() + " has another text already");
  }
  const auto used = floors.claims.find(id);
  const bool used_up =
      used != floors.claims.end() && clock(now) >= used->second.at + grant->duration;
  if (floors.tombstones.count(id) != 0 || clock(now) >= grant->not_after || used_up ||
      grant->not_before < floors.grants_from) {
    return fail(ErrorCode::kStale, "grant: " + id.str() + " is over");
  }
  if (auto status = grant_bears(*grant, note, clock(now)); !status) {
    return fail_with(status.error());
  }
  const auto* site = usable(grant->site);
  const auto own = key_of(nodes.at(grant->device).statement);
  auto kept = keep_known(note, site, std::span<const note::KnownKey>(&own, 1));
  if (kept && held != grants.end()) kept = note::merge(held->second.note, *kept);
  if (!kept) return fail_with(kept.error());
  if (held != grants.end()) {
    // A key that signs one text in two ways must not spoil what is held.
    if (auto by = signers(*kept, site, std::span<const note::KnownKey>(&own, 1)); !by) {
      return fail_with(by.error());
    }
    if (kept->signatures == held->second.note.signatures) {
      change.kind = ChangeKind::kNone;
      return change;
    }
    held->second.note = std::move(*kept);
    held->second.approval = assess(held->second.grant, held->second.note);
    return change;
  }
  if (auto status = room_for(*grant); !status) return fail_with(status.error());
  GrantRecord record{std::move(*grant), std::move(*kept), {}, {}, {}};
  if (used != floors.claims.end()) record.claimed_at = used->second.at;
  record.approval = assess(record.grant, record.note);
  shares.running_of_device.add(record.grant.device);
  shares.running_at_site.add(record.grant.site.id);
  grants.emplace(id, std::move(record));
  return change;
}

// What a device has pending or in force is bounded, and so is what must be remembered of its ended
// grants: a full share refuses the next request of that device, or of that site, alone. Grants that
// only a revocation speaks of are in the share of who has signed it, and count for nobody here.
Status Evidence::State::room_for(const Grant& grant) const {
  if (recalling) return {};
  if (shares.running_of_device.of(grant.device) >= kMaxGrantsPerDevice) {
    return fail(ErrorCode::kExhausted,
                "grant: this device has " + std::to_string(kMaxGrantsPerDevice) +
                    " requests that are not over; withdraw some (culvert requests lists them)");
  }
  if (shares.ended_of_device.of(grant.device) >= kMaxEndedPerDevice) {
    return fail(ErrorCode::kExhausted,
                "grant: this device has asked too often; its ended requests are remembered for a "
                "day after their latest end");
  }
  if (shares.running_at_site.of(grant.site.id) >= kMaxGrantsPerSite) {
    return fail(ErrorCode::kExhausted, "grant: the site has too many requests that are not over");
  }
  if (shares.running_at_site.total() >= kMaxGrants ||
      shares.ended_of_device.total() >= kMaxTombstones) {
    return fail(ErrorCode::kExhausted, "grant: the vendor's devices have too many requests here");
  }
  return {};
}

}  // namespace culvert::trust
