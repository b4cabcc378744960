// Which signatures each statement needs (the table in docs/protocols/statements.md), under the
// current roots.
#include <algorithm>

#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

bool any_in(const Root& root, Group group, std::span<const note::KnownKey> signers) {
  return !persons(root, group, signers).empty();
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
  return {{node.name.str(), node.identity}};
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
    for (auto& [hash, held] : site.enrolled) {
      held.vouched = vouch(held.statement, held.note).has_value();
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
