// Grants and revocations as they arrive.
#include <algorithm>

#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

tl::unexpected<Error> unverified(std::string why) {
  return fail(ErrorCode::kUnverified, std::move(why));
}

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
  if (device == nullptr || revoked(grant.device, grant.site.id)) {
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
  grants.emplace(id, std::move(record));
  return change;
}

// What a device has pending or in force is bounded, and so is what must be remembered of its ended
// grants: a full share refuses the next request of that device, or of that site, alone.
Status Evidence::State::room_for(const Grant& grant) const {
  std::size_t of_device = 0;
  std::size_t of_site = 0;
  std::size_t running = 0;
  for (const auto& [id, record] : grants) {
    if (floors.tombstones.count(id) != 0) continue;
    ++running;
    if (record.grant.device == grant.device) ++of_device;
    if (record.grant.site.id == grant.site.id) ++of_site;
  }
  const auto ended =
      std::count_if(floors.tombstones.begin(), floors.tombstones.end(),
                    [&](const auto& entry) { return entry.second.device == grant.device; });
  if (of_device >= kMaxGrantsPerDevice) {
    return fail(ErrorCode::kExhausted,
                "grant: this device has " + std::to_string(kMaxGrantsPerDevice) +
                    " requests that are not over; withdraw some (culvert requests lists them)");
  }
  if (static_cast<std::size_t>(ended) >= kMaxEndedPerDevice) {
    return fail(ErrorCode::kExhausted,
                "grant: this device has asked too often; its ended requests are remembered for a "
                "day after their latest end");
  }
  if (of_site >= kMaxGrantsPerSite) {
    return fail(ErrorCode::kExhausted, "grant: the site has too many requests that are not over");
  }
  if (running >= kMaxGrants || floors.tombstones.size() >= kMaxTombstones) {
    return fail(ErrorCode::kExhausted, "grant: too many requests are held here");
  }
  return {};
}

// Who may end what. `signers` are verified; the thresholds and scopes are those of the table.
bool Evidence::State::may_revoke(const Revocation& revocation, const SiteRecord* site,
                                 std::span<const note::KnownKey> by) const {
  const auto* root = site == nullptr ? nullptr : site->chain.current();
  const auto customers =
      root == nullptr ? std::vector<Person>{} : persons(*root, Group::kApprovers, by);
  const bool approver =
      !customers.empty() || !persons(*vendor_root(), Group::kApprovers, by).empty();
  switch (revocation.what) {
    case Revokes::kGrant:
      return approver;
    case Revokes::kDevice:
      return approver || !persons(*vendor_root(), Group::kDeviceAdmission, by).empty();
    case Revokes::kNode:
      return root != nullptr && customers.size() >= root->approver_threshold;
    case Revokes::kKey:
      return std::any_of(by.begin(), by.end(),
                         [&](const auto& signer) { return signer.key == revocation.key; });
  }
  return false;
}

// How the grant ends: by an approver or by its requester, before or after it was complete; nothing
// when the signer is neither.
Result<std::optional<EndCause>> Evidence::State::grant_revoked_by(const Revocation& revocation,
                                                                  const note::Note& note) const {
  const auto* site = usable(*revocation.site);
  const auto held = grants.find(revocation.grant);
  std::vector<note::KnownKey> own;
  if (held != grants.end()) own.push_back({"device", held->second.grant.device});
  const auto by = signers(note, site, own);
  if (!by) return fail_with(by.error());
  const bool complete = held != grants.end() && held->second.approval.complete();
  if (may_revoke(revocation, site, *by)) {
    return std::optional(held == grants.end() || complete ? EndCause::kRevoked : EndCause::kDenied);
  }
  const bool requester =
      held != grants.end() && std::any_of(by->begin(), by->end(), [&](const auto& signer) {
        return signer.key == held->second.grant.device;
      });
  if (!requester) return std::optional<EndCause>{};
  return std::optional(complete ? EndCause::kRevoked : EndCause::kWithdrawn);
}

Result<Change> Evidence::State::offer_revocation(const note::Note& note, Now now) {
  const auto revocation = Revocation::parse(note.text);
  if (!revocation) return fail_with(revocation.error());
  if (vendor_root() == nullptr || revocation->vendor_id != vendor_id()) {
    return unverified("revocation: its vendor is not known here");
  }
  const auto* site = revocation->site ? usable(*revocation->site) : nullptr;
  if (revocation->site && site == nullptr) {
    return unverified("revocation: its site is not known here");
  }
  if (revocation->issued > clock(now) + kIssuedSkew) {
    return fail(ErrorCode::kStale, "revocation: issued in the future; check the clocks");
  }
  if (revocation->what == Revokes::kGrant) return revoke_grant(*revocation, note, now);

  Change change{ChangeKind::kRevocation, note::hash(note), {}, {}, revocation->key};
  if (revocation->site) change.site = revocation->site->id;
  if (revocation->what == Revokes::kKey) site = site_listing(revocation->key);
  const auto by = signers(note, site);
  if (!by) return fail_with(by.error());
  const bool again = revocation->what == Revokes::kKey
                         ? floors.suspended.count(revocation->key) != 0
                         : revoked(revocation->key, change.site.value_or(SiteId{}));
  if (again) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  const auto named = nodes.find(revocation->key);
  if (revocation->what == Revokes::kDevice && named != nodes.end() &&
      named->second.statement.kind == NodeKind::kAgent) {
    return unverified("revocation: an agent is no device; its site's approvers revoke nodes");
  }
  if (!may_revoke(*revocation, site, *by)) {
    return unverified("revocation: nobody who may do so has signed it");
  }
  if (revocation->what == Revokes::kKey) {
    suspend(revocation->key);
  } else {
    revoke_identity(revocation->key, change.site.value_or(SiteId{}), revocation->issued);
  }
  ++revision;
  return change;
}

Result<Change> Evidence::State::revoke_grant(const Revocation& revocation, const note::Note& note,
                                             Now now) {
  const auto id = revocation.grant;
  Change change{ChangeKind::kRevocation, note::hash(note), revocation.site->id, id, {}};
  const auto held = grants.find(id);
  if (held != grants.end() && (held->second.grant.site != *revocation.site ||
                               held->second.grant.not_after != revocation.not_after)) {
    return fail(ErrorCode::kConflict, "revocation: the grant has another site or end");
  }
  const auto cause = grant_revoked_by(revocation, note);
  if (!cause) return fail_with(cause.error());
  if (!*cause) return unverified("revocation: nobody who may do so has signed it");
  if (floors.tombstones.count(id) != 0) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  if (clock(now) >= revocation.not_after)
    return fail(ErrorCode::kStale, "revocation: the grant is over");
  if (held == grants.end() &&
      revocation.not_after > clock(now) + kMaxAhead + kMaxClaim + kMaxGrantTime) {
    return fail(ErrorCode::kInvalid, "revocation: no grant ends so late");
  }
  if (held == grants.end() && floors.tombstones.size() >= kMaxTombstones) {
    return fail(ErrorCode::kExhausted, "revocation: too many ended grants");
  }
  end(id, revocation.not_after, **cause, now);
  return change;
}

const SiteRecord* Evidence::State::site_listing(const crypto::VerifyKey& key) const {
  for (const auto& [id, site] : sites) {
    if (usable(id) != nullptr && site.chain.current()->lists(key)) return &site;
  }
  return nullptr;
}

// Suspended until the next root of the chain that lists it.
void Evidence::State::suspend(const crypto::VerifyKey& key) {
  if (vendor_root()->lists(key)) floors.suspended[key] = vendor_root()->epoch;
  for (const auto& [id, site] : sites) {
    const auto* root = site.chain.current();
    if (root != nullptr && root->lists(key)) floors.suspended[key] = root->epoch;
  }
  revouch({});
}

void Evidence::State::revoke_identity(const IdentityKey& key, const SiteId& site, WallTime at) {
  if (floors.revoked.size() >= kMaxRevoked) {
    floors.revoked.erase(
        std::min_element(floors.revoked.begin(), floors.revoked.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  floors.revoked[{key, site}] = at;
}

}  // namespace culvert::trust
