// Revocations as they arrive, and for how long they are remembered. Each is charged to its first
// counting signer, and to that signer's side at the site: a full share refuses that signer, or that
// side of that site, alone.
#include <algorithm>

#include "proto/crypto/hash.hpp"
#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

// The first key of the group, in the order of the root, that has signed.
std::optional<crypto::PublicKey> first_of(const Root* root, Group group,
                                          std::span<const note::KnownKey> by) {
  if (root == nullptr) return std::nullopt;
  for (const auto& key : root->keys) {
    if (key.group != group) continue;
    const bool signed_it = std::any_of(
        by.begin(), by.end(), [&](const note::KnownKey& signer) { return signer.key == key.key; });
    if (signed_it) return key.key;
  }
  return std::nullopt;
}

}  // namespace

RevokedId revoked_grant(const GrantId& grant, const SiteId& site) {
  RevokedId out{Revokes::kGrant, {}, site};
  std::copy(grant.bytes.begin(), grant.bytes.end(), out.subject.begin());
  return out;
}

RevokedId revoked_key(const crypto::PublicKey& key) {
  return {Revokes::kKey, crypto::sha256(view(crypto::format_public_key(key))).bytes, {}};
}

RevokedId revoked_id(const Revocation& revocation) {
  RevokedId out{revocation.what, {}, revocation.site ? revocation.site->id : SiteId{}};
  switch (revocation.what) {
    case Revokes::kGrant:
      return revoked_grant(revocation.grant, out.site);
    case Revokes::kDevice:
    case Revokes::kNode:
      out.subject = revocation.identity().bytes;
      break;
    case Revokes::kKey:
      return revoked_key(revocation.key);
    case Revokes::kEnrolment:
      out.subject = revocation.enrolment.bytes;
      break;
  }
  return out;
}

std::optional<crypto::PublicKey> Evidence::State::counting_signer(
    const Revocation& revocation, const SiteRecord* site,
    std::span<const note::KnownKey> by) const {
  const auto* root = site == nullptr ? nullptr : site->chain.current();
  const auto customer = first_of(root, Group::kApprovers, by);
  switch (revocation.what) {
    case Revokes::kGrant: {
      const auto approver = first_of(vendor_root(), Group::kApprovers, by);
      return approver ? approver : customer;
    }
    case Revokes::kDevice: {
      const auto approver = first_of(vendor_root(), Group::kApprovers, by);
      if (approver) return approver;
      const auto admission = first_of(vendor_root(), Group::kDeviceAdmission, by);
      return admission ? admission : customer;
    }
    case Revokes::kNode:
      if (root == nullptr ||
          persons(*root, Group::kApprovers, by).size() < root->approver_threshold) {
        return std::nullopt;
      }
      return customer;
    case Revokes::kEnrolment:
      return first_of(root, Group::kEnrolment, by);
    case Revokes::kKey:
      break;  // it revokes itself: offer_revocation
  }
  return std::nullopt;
}

bool Lookups::revoked(Revokes what, const std::array<std::uint8_t, 32>& subject,
                      const SiteId& site) const {
  return floors.revoked.count({what, subject, site}) != 0;
}

bool Lookups::device_revoked(const IdentityKey& device, const SiteId& site) const {
  return revoked(Revokes::kDevice, device.bytes, {}) ||
         (!site.is_zero() && revoked(Revokes::kDevice, device.bytes, site));
}

// A device's revocation acts on device statements only, a node's on agents only, whichever was
// known first.
bool Lookups::revoked(const Node& node) const {
  if (node.kind == NodeKind::kDevice) return device_revoked(node.identity, {});
  return revoked(Revokes::kNode, node.identity.bytes, node.site.id);
}

// As long as anything that was revoked could come again.
WallTime Evidence::State::remembered_until(const Revocation& revocation) const {
  const auto enrolment_end = [&](const Hash& hash) -> std::optional<WallTime> {
    const auto site = sites.find(revocation.site->id);
    if (site == sites.end()) return std::nullopt;
    const auto held = site->second.enrolments.find(hash);
    if (held == site->second.enrolments.end()) return std::nullopt;
    return held->second.statement.renew_until;
  };
  std::optional<WallTime> end;
  if (revocation.what == Revokes::kEnrolment) end = enrolment_end(revocation.enrolment);
  if (revocation.what == Revokes::kNode) {
    // The floor of the identity names the enrolment that let it in.
    const auto floor = floors.nodes.find(revocation.identity());
    if (floor != floors.nodes.end()) end = enrolment_end(floor->second.enrolment);
  }
  return end ? std::max(*end, revocation.issued) + kRevocationKeep : matters_until(revocation);
}

Revoked Evidence::State::entry_of(const Revocation& revocation, const crypto::PublicKey& signer,
                                  Now now) const {
  const auto until = remembered_until(revocation);
  // What ends a grant leaves a tombstone, and stays in its signer's share for as long.
  const auto margin = revocation.what == Revokes::kGrant ? kTombstoneKeep : std::chrono::seconds{0};
  return {until, store_clock.forget_at(until, now, margin), signer};
}

RevokingSide Evidence::State::side_of(const crypto::PublicKey& signer, const SiteId& site) const {
  if (vendor && vendor->ever_listed(signer)) return RevokingSide::kVendor;
  const auto found = sites.find(site);
  const bool customers = found != sites.end() && found->second.chain.ever_listed(signer);
  return customers ? RevokingSide::kCustomer : RevokingSide::kDevice;
}

// The site's share is each side's own, so that no customer can keep the vendor from revoking at the
// site, nor the vendor or its devices the customer.
Status Evidence::State::charge(const RevokedId& id, const Revoked& entry, Now now) const {
  if (entry.until <= clock(now)) return fail(ErrorCode::kStale, "revocation: what it ends is over");
  if (recalling || floors.revoked.count(id) != 0) return {};
  if (shares.revoked_by.of(entry.signer) >= kMaxRevocations) {
    return fail(ErrorCode::kExhausted,
                "revocation: " + crypto::format_public_key(entry.signer) + " has " +
                    std::to_string(kMaxRevocations) +
                    " that are not over; another approver must sign this one");
  }
  const auto at_site = shares.revoked_at.find(id.site);
  if (at_site == shares.revoked_at.end()) return {};
  const auto most = id.site.is_zero() ? kMaxVendorRevocations : kMaxRevocationsAtSite;
  if (at_site->second.total() < most) return {};
  const auto side = side_of(entry.signer, id.site);
  std::size_t used = 0;
  for (const auto& [signer, count] : at_site->second.all()) {
    if (side_of(signer, id.site) == side) used += count;
  }
  if (used < most) return {};
  const auto who = side == RevokingSide::kVendor     ? "the vendor's keys have "
                   : side == RevokingSide::kCustomer ? "the site's keys have "
                                                     : "devices have ";
  return fail(ErrorCode::kExhausted,
              std::string("revocation: ") + who + std::to_string(most) + " that are not over " +
                  (id.site.is_zero() ? "and concern every site" : "at this site") +
                  "; those make room when what they ended is over");
}

void Evidence::State::enter(const RevokedId& id, const Revoked& entry) {
  if (!floors.revoked.emplace(id, entry).second) return;
  shares.revoked_by.add(entry.signer);
  shares.revoked_at[id.site].add(entry.signer);
}

void Evidence::State::remember(const RevokedId& id, const Revoked& entry, const note::Note& note,
                               const SiteRecord* site) {
  enter(id, entry);
  auto& held = floors.revoked.at(id);
  held.until = std::max(held.until, entry.until);
  held.forget = std::max(held.forget, entry.forget);
  revocations.keep(id, stripped(note, site));
  ++revision;
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
  if (revocation->what == Revokes::kKey) return revoke_key(*revocation, note);

  const auto id = revoked_id(*revocation);
  Change change{ChangeKind::kRevocation, note::hash(note), {}, {}, {}};
  if (revocation->what != Revokes::kEnrolment) change.identity = revocation->identity();
  if (revocation->site) change.site = revocation->site->id;
  const auto* held = revocations.find(id);
  if (held != nullptr && held->text == note.text) {
    auto merged = *held;
    const auto more = more_lines(merged, note, site);
    if (!more) return fail_with(more.error());
    if (!*more) change.kind = ChangeKind::kNone;
    if (*more) revocations.keep(id, std::move(merged));
    return change;
  }
  const auto by = signers(note, site);
  if (!by) return fail_with(by.error());
  const auto signer = counting_signer(*revocation, site, *by);
  if (!signer) return unverified("revocation: nobody who may do so has signed it");
  const bool again = floors.revoked.count(id) != 0;
  const Revoked entry = entry_of(*revocation, *signer, now);
  if (auto room = charge(id, entry, now); !room) return fail_with(room.error());
  const auto until = again ? floors.revoked.at(id).until : WallTime{};
  if (again && held != nullptr && entry.until <= until) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  remember(id, entry, note, site);
  if (revocation->what == Revokes::kEnrolment) revouch(change.site);
  return change;
}

Result<Change> Evidence::State::revoke_key(const Revocation& revocation, const note::Note& note) {
  Change change{ChangeKind::kRevocation, note::hash(note), {}, {}, {}};
  const note::KnownKey own{"its holder", revocation.key};
  const auto kept = note::keep_known(note, std::span<const note::KnownKey>(&own, 1));
  if (!kept) return fail_with(kept.error());
  if (kept->signatures.empty()) return unverified("revocation: the key itself has not signed it");
  if (!known_key(revocation.key)) return unverified("revocation: no root known here lists the key");
  const auto id = revoked_id(revocation);
  const bool again = suspended(revocation.key);
  if (again && revocations.contains(id)) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  if (!again) {
    if (auto room = charge_suspension(revocation.key); !room) return fail_with(room.error());
  }
  revocations.keep(id, *kept);
  if (!again) suspend(revocation);
  return change;
}

Result<Change> Evidence::State::revoke_grant(const Revocation& revocation, const note::Note& note,
                                             Now now) {
  const auto grant = revocation.grant;
  const auto* site = usable(*revocation.site);
  Change change{ChangeKind::kRevocation, note::hash(note), revocation.site->id, grant, {}};
  const auto held = grants.find(grant);
  std::vector<note::KnownKey> own;
  if (held != grants.end()) own.push_back({"device", held->second.grant.device});
  const auto by = signers(note, site, own);
  if (!by) return fail_with(by.error());
  const auto approver = counting_signer(revocation, site, *by);
  const bool requester = !own.empty() && std::any_of(by->begin(), by->end(), [&](const auto& k) {
    return k.key == own.front().key;
  });
  if (!approver && !requester) return unverified("revocation: nobody who may do so has signed it");
  if (held != grants.end() && (held->second.grant.site != *revocation.site ||
                               held->second.grant.not_after != revocation.not_after)) {
    return fail(ErrorCode::kConflict,
                "revocation: the grant " + grant.str() + " has another site or end");
  }
  const auto id = revoked_id(revocation);
  const bool ended = floors.tombstones.count(grant) != 0;
  if (ended && (revocations.contains(id) || floors.revoked.count(id) == 0)) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  if (held == grants.end() &&
      revocation.not_after > clock(now) + kMaxAhead + kMaxClaim + kMaxGrantTime) {
    return fail(ErrorCode::kInvalid, "revocation: no grant ends so late");
  }
  const Revoked entry =
      entry_of(revocation, approver ? *approver : crypto::PublicKey(own.front().key), now);
  if (auto room = charge(id, entry, now); !room) return fail_with(room.error());
  enter(id, entry);
  auto kept = keep_known(note, site, own);
  if (kept) revocations.keep(id, std::move(*kept));
  if (ended) {
    change.kind = ChangeKind::kNone;
    return change;
  }
  const bool complete = held == grants.end() || held->second.approval.complete();
  end(grant, revocation.not_after,
      complete   ? EndCause::kRevoked
      : approver ? EndCause::kDenied
                 : EndCause::kWithdrawn,
      now);
  return change;
}

std::optional<crypto::PublicKey> Evidence::charged_to(const note::Note& note) const {
  const auto revocation = Revocation::parse(note.text);
  if (!revocation) return std::nullopt;
  if (revocation->what == Revokes::kKey) return revocation->key;
  const auto& revoked = state_->floors.revoked;
  const auto found = revoked.find(revoked_id(*revocation));
  return found == revoked.end() ? std::nullopt : std::optional(found->second.signer);
}

void Evidence::State::prune_revocations() {
  const auto count = floors.revoked.size();
  std::erase_if(floors.revoked, [&](const auto& entry) {
    const auto& [id, revoked] = entry;
    if (revoked.forget > floors.clock.age) return false;
    shares.revoked_by.remove(revoked.signer);
    const auto at_site = shares.revoked_at.find(id.site);
    at_site->second.remove(revoked.signer);
    if (at_site->second.total() == 0) shares.revoked_at.erase(at_site);
    revocations.remove(id);
    return true;
  });
  if (floors.revoked.size() != count) ++revision;
}

}  // namespace culvert::trust
