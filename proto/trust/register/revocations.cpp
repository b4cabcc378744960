#include "proto/trust/register/revocations.hpp"

#include <algorithm>

#include "proto/crypto/hash.hpp"
#include "proto/trust/register/limits.hpp"

namespace culvert::trust {
namespace {

// The first key of the group, in the order of the root, among the signers.
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

std::string_view name_of(RevokingSide side) {
  switch (side) {
    case RevokingSide::kVendor:
      return "the vendor's keys have ";
    case RevokingSide::kCustomer:
      return "the site's keys have ";
    case RevokingSide::kDevice:
      return "devices have ";
  }
  return "";
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

std::optional<crypto::PublicKey> counting_signer(const Revocation& revocation, const Root* vendor,
                                                 const Root* site,
                                                 std::span<const note::KnownKey> by) {
  const auto customer = first_of(site, Group::kApprovers, by);
  switch (revocation.what) {
    case Revokes::kGrant: {
      const auto approver = first_of(vendor, Group::kApprovers, by);
      return approver ? approver : customer;
    }
    case Revokes::kDevice: {
      const auto approver = first_of(vendor, Group::kApprovers, by);
      if (approver) return approver;
      const auto admission = first_of(vendor, Group::kDeviceAdmission, by);
      return admission ? admission : customer;
    }
    case Revokes::kNode:
      if (site == nullptr ||
          persons(*site, Group::kApprovers, by).size() < site->approver_threshold) {
        return std::nullopt;
      }
      return customer;
    case Revokes::kEnrolment:
      return first_of(site, Group::kEnrolment, by);
    case Revokes::kKey:
      break;
  }
  return std::nullopt;
}

Revocations::Revocations(std::map<RevokedId, Revoked> entries) : entries_(std::move(entries)) {
  for (const auto& [id, entry] : entries_) count(id, entry.signer);
}

const Revoked* Revocations::find(const RevokedId& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

void Revocations::count(const RevokedId& id, const crypto::PublicKey& signer) {
  by_signer_.add(signer);
  at_site_[id.site].add(signer);
}

// Each side has a share of its own at the site: no customer can keep the vendor from revoking at
// the site, and neither the vendor nor its devices can keep the customer from revoking.
Status Revocations::room_for(const RevokedId& id, const Revoked& entry,
                             const SideOf& side_of) const {
  if (contains(id)) return {};
  if (by_signer_.of(entry.signer) >= kMaxRevocations) {
    return fail(ErrorCode::kExhausted,
                "revocation: " + crypto::format_public_key(entry.signer) + " has " +
                    std::to_string(kMaxRevocations) +
                    " that are not over; another approver must sign this one");
  }
  const auto at_site = at_site_.find(id.site);
  if (at_site == at_site_.end()) return {};
  const auto most = id.site.is_zero() ? kMaxVendorRevocations : kMaxRevocationsAtSite;
  if (at_site->second.total() < most) return {};
  const auto side = side_of(entry.signer);
  std::size_t used = 0;
  for (const auto& [signer, count] : at_site->second.all()) {
    if (side_of(signer) == side) used += count;
  }
  if (used < most) return {};
  return fail(ErrorCode::kExhausted,
              "revocation: " + std::string(name_of(side)) + std::to_string(most) +
                  " that are not over " +
                  (id.site.is_zero() ? "and concern every site" : "at this site") +
                  "; those make room when what they ended is over");
}

void Revocations::enter(const RevokedId& id, const Revoked& entry) {
  if (entries_.emplace(id, entry).second) count(id, entry.signer);
}

void Revocations::extend(const RevokedId& id, const Revoked& entry) {
  enter(id, entry);
  auto& held = entries_.at(id);
  held.until = std::max(held.until, entry.until);
  held.forget = std::max(held.forget, entry.forget);
}

bool Revocations::forget(StoreAge age) {
  const auto before = entries_.size();
  std::erase_if(entries_, [&](const auto& entry) {
    const auto& [id, revoked] = entry;
    if (revoked.forget > age) return false;
    by_signer_.remove(revoked.signer);
    const auto at_site = at_site_.find(id.site);
    at_site->second.remove(revoked.signer);
    if (at_site->second.total() == 0) at_site_.erase(at_site);
    notes_.remove(id);
    return true;
  });
  return entries_.size() != before;
}

}  // namespace culvert::trust
