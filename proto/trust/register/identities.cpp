#include "proto/trust/register/identities.hpp"

#include <algorithm>

namespace culvert::trust {
namespace {

struct NamedKey {
  const char* name;
  std::array<std::uint8_t, 32> bytes;
};

// The four X25519 keys of a node or of its floor.
template <class Keys>
std::array<NamedKey, 4> keys_of(const Keys& of) {
  return {{{"WireGuard", of.wireguard.bytes},
           {"control", of.control.bytes},
           {"relay", of.relay.bytes},
           {"disco", of.disco.bytes}}};
}

}  // namespace

Identities::Identities(std::map<IdentityKey, NodeFloor> floors) : floors_(std::move(floors)) {
  for (const auto& [identity, floor] : floors_) {
    ++counts_[floor.site];
    if (floor.serial == 0) continue;
    for (const auto& key : keys_of(floor)) owners_[key.bytes] = identity;
  }
}

const NodeFloor* Identities::find(const IdentityKey& identity) const {
  const auto found = floors_.find(identity);
  return found == floors_.end() ? nullptr : &found->second;
}

bool Identities::replaced(const IdentityKey& identity) const {
  const auto* floor = find(identity);
  return floor != nullptr && floor->replaced;
}

std::size_t Identities::count(const SiteId& site) const {
  const auto found = counts_.find(site);
  return found == counts_.end() ? 0 : found->second;
}

const IdentityKey* Identities::owner(const std::array<std::uint8_t, 32>& key) const {
  const auto found = owners_.find(key);
  return found == owners_.end() ? nullptr : &found->second;
}

Status Identities::check_keys(const Node& node) const {
  const auto conflict = [](const char* which, const IdentityKey& owner) {
    return fail(ErrorCode::kConflict, std::string("node: its ") + which + " key belongs to " +
                                          crypto::format_ed25519(owner));
  };
  for (const auto& key : keys_of(node)) {
    const auto* owned_by = owner(key.bytes);
    if (owned_by != nullptr && *owned_by != node.identity) return conflict(key.name, *owned_by);
    const IdentityKey same{key.bytes};
    if (contains(same)) return conflict(key.name, same);
  }
  return {};
}

NodeFloor& Identities::floor_of(const IdentityKey& identity, const SiteId& site) {
  const auto [entry, is_new] = floors_.try_emplace(identity);
  if (is_new) {
    entry->second.site = site;
    ++counts_[site];
  }
  return entry->second;
}

void Identities::enrol(const Enrolled& enrolled, StoreAge forget) {
  auto& floor = floor_of(enrolled.identity, enrolled.site.id);
  floor.name = enrolled.name;
  if (floor.enrolment.is_zero()) floor.enrolment = enrolled.enrolment;
  floor.forget = std::max(floor.forget, forget);
}

void Identities::replace(const IdentityKey& identity) {
  const auto found = floors_.find(identity);
  if (found != floors_.end()) found->second.replaced = true;
}

void Identities::accept(const Node& node, const Hash& statement, StoreAge forget) {
  auto& floor = floor_of(node.identity, node.site.id);
  forget_keys(floor);
  floor.serial = node.serial;
  floor.statement = statement;
  floor.wireguard = node.wireguard;
  floor.control = node.control;
  floor.relay = node.relay;
  floor.disco = node.disco;
  floor.forget = std::max(floor.forget, forget);
  for (const auto& key : keys_of(floor)) owners_[key.bytes] = node.identity;
}

void Identities::accept(const Service& service, const Hash& statement, StoreAge forget) {
  auto& floor = floors_.at(service.node);
  floor.service_serial = service.serial;
  floor.service = statement;
  floor.forget = std::max(floor.forget, forget);
}

std::vector<IdentityKey> Identities::forget(StoreAge age) {
  std::vector<IdentityKey> out;
  for (auto it = floors_.begin(); it != floors_.end();) {
    if (it->second.forget > age) {
      ++it;
      continue;
    }
    forget_keys(it->second);
    if (--counts_[it->second.site] == 0) counts_.erase(it->second.site);
    out.push_back(it->first);
    it = floors_.erase(it);
  }
  return out;
}

void Identities::forget_keys(const NodeFloor& floor) {
  if (floor.serial == 0) return;
  for (const auto& key : keys_of(floor)) owners_.erase(key.bytes);
}

}  // namespace culvert::trust
