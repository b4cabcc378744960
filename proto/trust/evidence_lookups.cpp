#include "proto/trust/evidence_lookups.hpp"

#include <algorithm>

namespace culvert::trust {

SiteRecord& Lookups::site_record(const SiteId& id) {
  const auto held = sites.find(id);
  if (held != sites.end()) return held->second;
  const auto floor = floors.sites.find(id);
  auto& made = sites
                   .emplace(id, SiteRecord(id, floor == floors.sites.end() ? ChainFloor{}
                                                                           : floor->second.root))
                   .first->second;
  made.pinned = pins.site_root == to_hash(id);
  return made;
}

const SiteRecord* Lookups::usable(const SiteId& id) const {
  const auto found = sites.find(id);
  if (found == sites.end()) return nullptr;
  const auto& site = found->second;
  const auto* root = site.chain.current();
  const bool listed = site.entry && site.entry->vouched;
  if (root == nullptr || vendor_root() == nullptr || !(site.pinned || listed)) return nullptr;
  if (root->vendor_id != vendor_id()) return nullptr;
  // A pin says which root, whatever a directory says of it.
  if (!site.pinned && site.entry->statement.site.name != root->name) return nullptr;
  return &site;
}

const SiteRecord* Lookups::usable(const SiteRef& ref) const {
  const auto* site = usable(ref.id);
  return site != nullptr && site->chain.current()->name == ref.name ? site : nullptr;
}

const Policy* Lookups::policy(const SiteRecord& site) const {
  if (!site.policy || !site.policy->vouched) return nullptr;
  const auto floor = floors.sites.find(site.id);
  const bool old =
      floor != floors.sites.end() && site.policy->statement.serial < floor->second.policy_serial;
  return old ? nullptr : &site.policy->statement;
}

bool Lookups::in_force(const Node& node, WallTime now) const {
  return node.issued <= now + kIssuedSkew && now < node.expires && !revoked(node) &&
         !replaced(node.identity);
}

const Node* Lookups::node(const IdentityKey& identity, WallTime now) const {
  const auto found = nodes.find(identity);
  if (found == nodes.end() || !found->second.vouched) return nullptr;
  const auto& node = found->second.statement;
  return in_force(node, now) ? &node : nullptr;
}

namespace {

std::vector<note::KnownKey> all_keys(const Root* vendor, const SiteRecord* site,
                                     std::span<const note::KnownKey> more) {
  std::vector<note::KnownKey> out(more.begin(), more.end());
  const auto add = [&](const Root* root) {
    if (root == nullptr) return;
    const auto keys = root->known_keys();
    out.insert(out.end(), keys.begin(), keys.end());
  };
  add(vendor);
  if (site != nullptr) add(site->chain.current());
  return out;
}

}  // namespace

Result<std::vector<note::KnownKey>> Lookups::signers(const note::Note& note, const SiteRecord* site,
                                                     std::span<const note::KnownKey> more) const {
  auto out = note::verify(note, all_keys(vendor_root(), site, more));
  if (!out) return out;
  std::erase_if(*out, [&](const note::KnownKey& k) { return suspended(k.key); });
  return out;
}

Result<note::Note> Lookups::keep_known(const note::Note& note, const SiteRecord* site,
                                       std::span<const note::KnownKey> more) const {
  return note::keep_known(note, all_keys(vendor_root(), site, more));
}

note::Note Lookups::stripped(const note::Note& note, const SiteRecord* site,
                             std::span<const note::KnownKey> own) const {
  auto kept = keep_known(note, site, own);
  return kept ? std::move(*kept) : note;
}

Result<bool> Lookups::more_lines(note::Note& held, const note::Note& more, const SiteRecord* site,
                                 std::span<const note::KnownKey> own) const {
  const auto known = all_keys(vendor_root(), site, own);
  const auto kept = note::keep_known(more, known);
  if (!kept) return fail_with(kept.error());
  const auto base = note::keep_known(held, known);
  if (!base) return fail_with(base.error());
  auto merged = note::merge(*base, *kept);
  if (merged) merged = note::keep_known(*merged, known);  // no two lines of one key
  if (!merged) return fail_with(merged.error());
  if (merged->signatures == base->signatures) return false;
  held = std::move(*merged);
  return true;
}

bool Lookups::listed_in_a_root(const crypto::PublicKey& key) const {
  if (vendor_root() != nullptr && vendor_root()->lists(key)) return true;
  return std::any_of(sites.begin(), sites.end(), [&](const auto& entry) {
    const auto* root = entry.second.chain.current();
    return root != nullptr && root->lists(key);
  });
}

bool Lookups::entitled(const Held<Service>& held, const PolicyService& service,
                       const SiteRecord& site) const {
  const auto publisher = nodes.find(held.statement.node);
  return held.vouched && held.statement.site.id == site.id && held.statement.serves(service.name) &&
         publisher != nodes.end() && publisher->second.vouched &&
         publisher->second.statement.site.id == site.id &&
         publisher->second.statement.has_tag(service.tag);
}

std::vector<Publisher> Lookups::publishers(const PolicyService& service, const SiteRecord& site,
                                           WallTime now) const {
  std::vector<Publisher> out;
  for (const auto& [identity, held] : services) {
    const auto& statement = held.statement;
    const bool now_valid = statement.issued <= now + kIssuedSkew && now < statement.expires;
    if (!now_valid || !entitled(held, service, site)) continue;
    if (const auto* publisher = node(identity, now)) out.push_back({*publisher, statement});
  }
  return out;
}

}  // namespace culvert::trust
