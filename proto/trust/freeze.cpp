#include "proto/trust/freeze.hpp"

#include <algorithm>

namespace culvert::trust {

bool is_suspended(const Floors& floors, const crypto::PublicKey& key) {
  const auto by_key = [&](const auto& entry) { return entry.first == key; };
  return std::any_of(floors.suspended.begin(), floors.suspended.end(),
                     [&](const auto& entry) { return by_key(entry.first); }) ||
         std::any_of(floors.suspended_at.begin(), floors.suspended_at.end(), by_key);
}

namespace {

std::vector<const Root*> roots(const Evidence& evidence) {
  std::vector<const Root*> out;
  if (evidence.vendor_root() != nullptr) out.push_back(evidence.vendor_root());
  for (const auto& site : evidence.sites()) {
    if (const auto* root = evidence.site_root(site.id)) out.push_back(root);
  }
  return out;
}

}  // namespace

std::vector<Fqdn> frozen_by(const Evidence& evidence, const crypto::PublicKey& key) {
  std::vector<Fqdn> out;
  for (const auto* root : roots(evidence)) {
    if (root->find(key, Group::kRoot) == nullptr) continue;
    const bool one_is_left =
        std::any_of(root->keys.begin(), root->keys.end(), [&](const RootKey& other) {
          return other.group == Group::kRoot && other.key != key &&
                 !is_suspended(evidence.floors(), other.key);
        });
    if (!one_is_left) out.push_back(root->name);
  }
  return out;
}

std::vector<Hash> roots_to_name(const Evidence& evidence, const crypto::PublicKey& key) {
  std::vector<Hash> out;
  for (const auto* root : roots(evidence)) {
    if (root->lists(key) && out.size() < kMaxNamedRoots) out.push_back(note::hash(root->render()));
  }
  return out;
}

}  // namespace culvert::trust
