// Which signatures the documents of the vendor and of a site need (the table in
// docs/protocols/statements.md), under the current roots.
#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {

Status Register::State::vouch(const Site& site, const note::Note& note) const {
  const auto* root = roots.vendor();
  if (root == nullptr) return unverified("site: the vendor's root is missing");
  if (site.vendor_id != roots.vendor_id()) return unverified("site: of another vendor");
  const auto by = roots.signers(note, nullptr);
  if (!by) return fail_with(by.error());
  if (!any_in(*root, Group::kDirectory, *by)) return unverified("site: no directory key signed it");
  return {};
}

Status Register::State::vouch(const Places& list, const note::Note& note) const {
  const auto* root = roots.vendor();
  if (root == nullptr) return unverified("places: the vendor's root is missing");
  if (list.vendor_id != roots.vendor_id()) return unverified("places: of another vendor");
  const auto by = roots.signers(note, nullptr);
  if (!by) return fail_with(by.error());
  if (any_in(*root, Group::kDirectory, *by)) return {};
  return unverified("places: no directory key signed it");
}

Status Register::State::vouch(const SiteRecord& site, const Policy& policy,
                              const note::Note& note) const {
  const auto& root = root_of(site);
  const auto by = roots.signers(note, &root);
  if (!by) return fail_with(by.error());
  const auto needed =
      root.policy_by == Group::kRoot ? root.root_threshold : root.approver_threshold;
  const auto count = persons(root, root.policy_by, *by).size();
  if (count >= needed) return {};
  return unverified("policy: serial " + std::to_string(policy.serial) + " needs " +
                    std::to_string(needed) + " signatures of " +
                    std::string(group_name(root.policy_by)) + ", has " + std::to_string(count));
}

Status Register::State::vouch(const SiteRecord& site, const Fresh&, const note::Note& note) const {
  const auto& root = root_of(site);
  const auto by = roots.signers(note, &root);
  if (!by) return fail_with(by.error());
  if (any_in(root, Group::kLease, *by)) return {};
  if (persons(root, Group::kApprovers, *by).size() >= root.approver_threshold) return {};
  return unverified("fresh: neither a lease key of the site nor its approvers signed it");
}

void Register::State::revouch_node(const IdentityKey& identity) {
  const auto held = nodes.find(identity);
  if (held != nodes.end()) {
    held->second.vouched = vouch(held->second.statement, held->second.note).has_value();
  }
  const auto service = services.find(identity);
  if (service != services.end()) {
    service->second.vouched = vouch(service->second.statement, service->second.note).has_value();
  }
  touched.devices.insert(identity);
}

void Register::State::revouch(const std::optional<SiteId>& only) {
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
  if (only) touched.sites.insert(*only);
  if (!only) touched.everything = true;
}

}  // namespace culvert::trust
