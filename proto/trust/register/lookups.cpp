// Look-ups in the register, which change nothing.
#include <algorithm>

#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {

SiteRecord& Register::State::site_record(const SiteId& id) {
  roots.add_site(id);
  auto& record = sites[id];
  record.id = id;
  return record;
}

const SiteRecord* Register::State::usable(const SiteId& id) const {
  const auto found = sites.find(id);
  if (found == sites.end()) return nullptr;
  const auto& site = found->second;
  const auto* root = roots.site(id);
  const bool listed = site.entry && site.entry->vouched;
  if (root == nullptr || roots.vendor() == nullptr || !(site.pinned || listed)) return nullptr;
  if (root->vendor_id != roots.vendor_id()) return nullptr;
  // A pinned site counts under its root's own name, whatever the vendor's directory says.
  if (!site.pinned && site.entry->statement.site.name != root->name) return nullptr;
  return &site;
}

const SiteRecord* Register::State::usable(const SiteRef& ref) const {
  const auto* site = usable(ref.id);
  return site != nullptr && root_of(*site).name == ref.name ? site : nullptr;
}

const Policy* Register::State::policy(const SiteRecord& site) const {
  if (!site.policy || !site.policy->vouched) return nullptr;
  const auto floor = policy_floors.find(site.id);
  const bool old =
      floor != policy_floors.end() && site.policy->statement.serial < floor->second.number;
  return old ? nullptr : &site.policy->statement;
}

bool Register::State::revoked(Revokes what, const std::array<std::uint8_t, 32>& subject,
                              const SiteId& site) const {
  return revocations.contains({what, subject, site});
}

bool Register::State::device_revoked(const IdentityKey& device, const SiteId& site) const {
  return revoked(Revokes::kDevice, device.bytes, {}) ||
         (!site.is_zero() && revoked(Revokes::kDevice, device.bytes, site));
}

// A device's revocation ends device statements only; a node's revocation ends agents only. The
// order in which statement and revocation arrived does not matter.
bool Register::State::revoked(const Node& node) const {
  if (node.kind == NodeKind::kDevice) return device_revoked(node.identity, {});
  return revoked(Revokes::kNode, node.identity.bytes, node.site.id);
}

bool Register::State::in_force(const Node& node, WallTime now) const {
  return node.issued <= now + kIssuedSkew && now < node.expires && !revoked(node) &&
         !identities.replaced(node.identity);
}

const Node* Register::State::node(const IdentityKey& identity, WallTime now) const {
  const auto found = nodes.find(identity);
  if (found == nodes.end() || !found->second.vouched) return nullptr;
  const auto& node = found->second.statement;
  return in_force(node, now) ? &node : nullptr;
}

// A revoked or replaced identity no longer holds its name.
std::optional<IdentityKey> Register::State::holder(const SiteId& site, const Label& name) const {
  for (const auto& [identity, floor] : identities.floors()) {
    if (floor.site != site || floor.name != name) continue;
    if (!floor.replaced && !revoked(Revokes::kNode, identity.bytes, site)) return identity;
  }
  return std::nullopt;
}

bool Register::State::entitled(const Held<Service>& held, const PolicyService& service,
                               const SiteRecord& site) const {
  const auto publisher = nodes.find(held.statement.node);
  return held.vouched && held.statement.site.id == site.id && held.statement.serves(service.name) &&
         publisher != nodes.end() && publisher->second.vouched &&
         publisher->second.statement.site.id == site.id &&
         publisher->second.statement.has_tag(service.tag);
}

// The site that a contradicting statement names. The statement has valid signatures, so the site
// exists. A directory entry may name any site and the list of addresses names no site: both belong
// to the vendor.
SiteId Register::State::named_site(std::string_view text, Kind kind) const {
  constexpr std::string_view kField = "\nsite-id: ";
  const auto at = text.find(kField);
  if (kind == Kind::kSite || at == std::string_view::npos) return {};
  const auto value = text.substr(at + kField.size());
  const auto hash = parse_hash(value.substr(0, value.find('\n')));
  const auto id = hash ? to_site_id(*hash) : SiteId{};
  return sites.count(id) != 0 ? id : SiteId{};
}

const Root* Register::site_root(const SiteId& id) const {
  const auto* site = state_->usable(id);
  return site == nullptr ? nullptr : &state_->root_of(*site);
}

const Root* Register::site_root(const SiteRef& ref) const {
  const auto* root = site_root(ref.id);
  return root != nullptr && root->name == ref.name ? root : nullptr;
}

std::vector<SiteRef> Register::sites() const {
  std::vector<SiteRef> out;
  for (const auto& [id, site] : state_->sites) {
    if (const auto* root = site_root(id)) out.push_back({root->name, id});
  }
  return out;
}

std::optional<SiteRef> Register::site(const Fqdn& name) const {
  const auto all = sites();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const SiteRef& ref) { return ref.name == name; });
  if (found == all.end()) return std::nullopt;
  return *found;
}

const Policy* Register::policy(const SiteId& id) const {
  const auto* site = state_->usable(id);
  return site == nullptr ? nullptr : state_->policy(*site);
}

void Register::each_policy(const std::function<void(const SiteId&, const Policy&)>& visit) const {
  for (const auto& [id, site] : state_->sites) {
    if (const auto* rules = policy(id)) visit(id, *rules);
  }
}

const Fresh* Register::fresh(const SiteId& id) const {
  const auto* site = state_->usable(id);
  const bool known = site != nullptr && site->fresh && site->fresh->vouched;
  return known ? &site->fresh->statement : nullptr;
}

KnownDocuments Register::documents(const SiteId& id) const {
  KnownDocuments out;
  out.vendor_root = state_->roots.vendor_mark();
  if (state_->usable(id) == nullptr) return out;
  out.site_root = state_->roots.site_mark(id);
  if (policy(id) != nullptr) out.policy = state_->policy_floors.at(id);
  return out;
}

const Places* Register::places() const {
  const auto& held = state_->places;
  return held && held->vouched ? &held->statement : nullptr;
}

const Node* Register::admitted(const IdentityKey& identity) const {
  const auto found = state_->nodes.find(identity);
  const bool known = found != state_->nodes.end() && found->second.vouched;
  return known ? &found->second.statement : nullptr;
}

const Node* Register::node(Now now, const IdentityKey& identity) const {
  return state_->node(identity, state_->clock.clock(now));
}

std::vector<Node> Register::nodes(Now now) const {
  std::vector<Node> out;
  for (const auto& [identity, held] : state_->nodes) {
    if (const auto* found = node(now, identity)) out.push_back(*found);
  }
  return out;
}

std::optional<IdentityKey> Register::holder(const SiteId& site, const Label& name) const {
  return state_->holder(site, name);
}

std::vector<Publisher> Register::publishers(Now now, const SiteId& site,
                                            const PolicyService& of) const {
  std::vector<Publisher> out;
  const auto* record = state_->usable(site);
  if (record == nullptr) return out;
  const auto clock = state_->clock.clock(now);
  for (const auto& [identity, held] : state_->services) {
    const auto& statement = held.statement;
    const bool now_valid = statement.issued <= clock + kIssuedSkew && clock < statement.expires;
    if (!now_valid || !state_->entitled(held, of, *record)) continue;
    if (const auto* publisher = state_->node(identity, clock))
      out.push_back({*publisher, statement});
  }
  return out;
}

bool Register::device_ended(const IdentityKey& device, const SiteId& site) const {
  return state_->device_revoked(device, site);
}

bool Register::node_ended(const IdentityKey& node, const SiteId& site) const {
  return state_->revoked(Revokes::kNode, node.bytes, site);
}

}  // namespace culvert::trust
