// Which signatures each statement needs (the table in docs/protocols/statements.md), under the
// current roots.
#include <algorithm>

#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

tl::unexpected<Error> unverified(std::string why) {
  return fail(ErrorCode::kUnverified, std::move(why));
}

bool any_in(const Root& root, Group group, std::span<const note::KnownKey> signers) {
  return !persons(root, group, signers).empty();
}

bool signed_by(const crypto::PublicKey& key, std::span<const note::KnownKey> signers) {
  return std::any_of(signers.begin(), signers.end(),
                     [&](const note::KnownKey& signer) { return signer.key == key; });
}

bool within(const std::vector<Label>& tags, const std::vector<Label>& allowed) {
  return std::includes(allowed.begin(), allowed.end(), tags.begin(), tags.end());
}

}  // namespace

Status Evidence::State::vouch(const Site& site, const note::Note& note) const {
  const auto* root = vendor_root();
  if (root == nullptr) return unverified("site: the vendor's root is missing");
  if (site.vendor_id != vendor_id()) return unverified("site: of another vendor");
  const auto by = signers(note, nullptr);
  if (!by) return fail_with(by.error());
  if (!any_in(*root, Group::kDirectory, *by)) return unverified("site: no directory key signed it");
  return {};
}

Status Evidence::State::vouch(const Places& list, const note::Note& note) const {
  const auto* root = vendor_root();
  if (root == nullptr) return unverified("places: the vendor's root is missing");
  if (list.vendor_id != vendor_id()) return unverified("places: of another vendor");
  const auto by = signers(note, nullptr);
  if (!by) return fail_with(by.error());
  if (any_in(*root, Group::kDirectory, *by)) return {};
  return unverified("places: no directory key signed it");
}

Status Evidence::State::vouch(const SiteRecord& site, const Policy& policy,
                              const note::Note& note) const {
  const auto& root = *site.chain.current();
  const auto by = signers(note, &site);
  if (!by) return fail_with(by.error());
  const auto needed =
      root.policy_by == Group::kRoot ? root.root_threshold : root.approver_threshold;
  const auto count = persons(root, root.policy_by, *by).size();
  if (count >= needed) return {};
  return unverified("policy: serial " + std::to_string(policy.serial) + " needs " +
                    std::to_string(needed) + " signatures of " +
                    std::string(group_name(root.policy_by)) + ", has " + std::to_string(count));
}

Status Evidence::State::vouch(const SiteRecord& site, const Fresh&, const note::Note& note) const {
  const auto& root = *site.chain.current();
  const auto by = signers(note, &site);
  if (!by) return fail_with(by.error());
  if (any_in(root, Group::kLease, *by)) return {};
  if (persons(root, Group::kApprovers, *by).size() >= root.approver_threshold) return {};
  return unverified("fresh: neither a lease key of the site nor its approvers signed it");
}

Status Evidence::State::vouch(const SiteRecord& site, const Enrolment& enrolment,
                              const note::Note& note) const {
  const auto hash = note::hash(note);
  if (revoked(Revokes::kEnrolment, hash.bytes, site.id)) return unverified("enrolment: revoked");
  const auto by = signers(note, &site);
  if (!by) return fail_with(by.error());
  if (!any_in(*site.chain.current(), Group::kEnrolment, *by)) {
    return unverified("enrolment: no enrolment key of the site signed it");
  }
  if (!site.chain.knows(enrolment.root)) {
    return unverified("enrolment: made under a site root that is not known here");
  }
  const auto floor = floors.sites.find(site.id);
  if (floor == floors.sites.end() || enrolment.policy_serial > floor->second.policy_serial) {
    return unverified("enrolment: made under a newer policy than is known here");
  }
  return {};
}

Status Evidence::State::vouch(const Node& node, const note::Note& note) const {
  const bool agent = node.kind == NodeKind::kAgent;
  const SiteRecord* site = nullptr;
  const Enrolment* enrolment = nullptr;
  if (agent) {
    site = usable(node.site);
    if (site == nullptr) return unverified("node: its site is not known here");
    const auto found = site->enrolments.find(node.enrolment);
    if (found == site->enrolments.end() || !found->second.vouched) {
      return unverified("node: its enrolment is not known here");
    }
    enrolment = &found->second.statement;
  } else if (vendor_root() == nullptr || node.vendor_id != vendor_id()) {
    return unverified("node: its vendor is not known here");
  }
  const auto own = own_keys(node);
  const auto by = signers(note, site, own);
  if (!by) return fail_with(by.error());
  if (!signed_by(node.identity, *by)) return unverified("node: not signed by itself");
  if (!agent) {
    if (any_in(*vendor_root(), Group::kDeviceAdmission, *by)) return {};
    return unverified("node: no device-admission key signed it");
  }
  if (!signed_by(enrolment->key, *by)) return unverified("node: not signed by its enrolment key");
  if (node.issued < enrolment->not_before || node.issued > enrolment->not_after) {
    return unverified("node: issued outside its enrolment's time");
  }
  if (!within(node.tags, enrolment->tags)) return unverified("node: a tag was not granted to it");
  return {};
}

Status Evidence::State::vouch(const Service& service, const note::Note& note) const {
  const auto held = nodes.find(service.node);
  if (held == nodes.end() || !held->second.vouched) {
    return unverified("service: its node is not known here");
  }
  const auto& node = held->second.statement;
  if (node.kind != NodeKind::kAgent || node.site != service.site) {
    return unverified("service: its node is no agent of that site");
  }
  const note::KnownKey own{node.name.str(), node.identity};
  const auto by = signers(note, nullptr, std::span<const note::KnownKey>(&own, 1));
  if (!by) return fail_with(by.error());
  if (!signed_by(service.node, *by)) return unverified("service: not signed by its node");
  return {};
}

void Evidence::State::adopt_vendor() {
  if (vendor) return;
  auto genesis = pins.vendor_genesis;
  if (!genesis && pins.site_root) {
    const auto found = sites.find(to_site_id(*pins.site_root));
    // Every epoch names the same vendor, so the first one is enough, also below the floor.
    const auto* root = found == sites.end() ? nullptr : found->second.chain.first();
    if (root != nullptr) genesis = to_hash(root->vendor_id);
  }
  if (!genesis) return;
  const auto floor = floors.vendors.find(to_vendor_id(*genesis));
  vendor.emplace(RootKind::kVendor, *genesis,
                 floor == floors.vendors.end() ? ChainFloor{} : floor->second);
}

const SiteRecord* Evidence::State::site_of(const Node& node) const {
  return node.kind == NodeKind::kAgent ? usable(node.site) : nullptr;
}

// The keys beside those of the roots that sign a node's statement.
std::vector<note::KnownKey> Evidence::State::own_keys(const Node& node) const {
  std::vector<note::KnownKey> out = {{node.name.str(), node.identity}};
  const auto* site = site_of(node);
  if (site == nullptr) return out;
  const auto found = site->enrolments.find(node.enrolment);
  if (found != site->enrolments.end())
    out.push_back({"enrolment key", found->second.statement.key});
  return out;
}

void Evidence::State::revouch_node(const IdentityKey& identity) {
  const auto held = nodes.find(identity);
  if (held != nodes.end()) {
    held->second.vouched = vouch(held->second.statement, held->second.note).has_value();
  }
  const auto service = services.find(identity);
  if (service != services.end()) {
    service->second.vouched = vouch(service->second.statement, service->second.note).has_value();
  }
  assess_grants({}, identity);
}

void Evidence::State::revouch(const std::optional<SiteId>& only) {
  if (places) places->vouched = vouch(places->statement, places->note).has_value();
  for (auto& [id, site] : sites) {
    if (only && *only != id) continue;
    if (site.entry) {
      site.entry->vouched = vouch(site.entry->statement, site.entry->note).has_value();
    }
    if (usable(id) == nullptr) continue;
    if (site.policy) {
      site.policy->vouched = vouch(site, site.policy->statement, site.policy->note).has_value();
    }
    if (site.fresh) {
      site.fresh->vouched = vouch(site, site.fresh->statement, site.fresh->note).has_value();
    }
    for (auto& [hash, held] : site.enrolments) {
      held.vouched = vouch(site, held.statement, held.note).has_value();
    }
  }
  for (auto& [id, held] : nodes) {
    if (only && *only != held.statement.site.id) continue;
    held.vouched = vouch(held.statement, held.note).has_value();
  }
  for (auto& [id, held] : services) {
    if (only && *only != held.statement.site.id) continue;
    held.vouched = vouch(held.statement, held.note).has_value();
  }
  assess_grants(only, {});
}

}  // namespace culvert::trust
