#include "proto/trust/register/freeze.hpp"

#include <algorithm>

namespace culvert::trust {

namespace {

std::vector<const Root*> roots(const Register& who) {
  std::vector<const Root*> out;
  if (who.roots().vendor() != nullptr) out.push_back(who.roots().vendor());
  for (const auto& site : who.sites()) {
    if (const auto* root = who.site_root(site.id)) out.push_back(root);
  }
  return out;
}

}  // namespace

std::vector<Fqdn> frozen_by(const Register& who, const crypto::PublicKey& key) {
  std::vector<Fqdn> out;
  for (const auto* root : roots(who)) {
    if (root->find(key, Group::kRoot) == nullptr) continue;
    const bool one_is_left =
        std::any_of(root->keys.begin(), root->keys.end(), [&](const RootKey& other) {
          return other.group == Group::kRoot && other.key != key &&
                 !who.roots().suspended().contains(other.key);
        });
    if (!one_is_left) out.push_back(root->name);
  }
  return out;
}

std::vector<Hash> roots_to_name(const Register& who, const crypto::PublicKey& key) {
  std::vector<Hash> out;
  for (const auto* root : roots(who)) {
    if (root->lists(key) && out.size() < kMaxNamedRoots) out.push_back(note::hash(root->render()));
  }
  return out;
}

}  // namespace culvert::trust
