#include "proto/wireguard/tombstones.hpp"

#include <algorithm>

namespace culvert::wireguard {

void Tombstones::put(const crypto::WireGuardKey& key, const Tai64n& label) {
  take(key);
  if (labels_.size() == kMaxTombstones) take(order_.front());
  labels_.emplace(key, label);
  order_.push_back(key);
}

std::optional<Tai64n> Tombstones::find(const crypto::WireGuardKey& key) const {
  const auto at = labels_.find(key);
  if (at == labels_.end()) return std::nullopt;
  return at->second;
}

std::optional<Tai64n> Tombstones::take(const crypto::WireGuardKey& key) {
  const auto at = labels_.find(key);
  if (at == labels_.end()) return std::nullopt;
  const Tai64n label = at->second;
  order_.erase(std::find(order_.begin(), order_.end(), key));
  labels_.erase(at);
  return label;
}

}  // namespace culvert::wireguard
