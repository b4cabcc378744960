#include "proto/wireguard/tombstones.hpp"

namespace culvert::wireguard {

void Tombstones::put(const crypto::WireGuardKey& key, const Tai64n& label) {
  take(key);
  if (labels_.size() == kMaxTombstones) {
    labels_.erase(order_.front());
    order_.pop_front();
  }
  labels_.emplace(key, Kept{label, order_.insert(order_.end(), key)});
}

std::optional<Tai64n> Tombstones::find(const crypto::WireGuardKey& key) const {
  const auto at = labels_.find(key);
  if (at == labels_.end()) return std::nullopt;
  return at->second.label;
}

std::optional<Tai64n> Tombstones::take(const crypto::WireGuardKey& key) {
  const auto at = labels_.find(key);
  if (at == labels_.end()) return std::nullopt;
  const Tai64n label = at->second.label;
  order_.erase(at->second.place);
  labels_.erase(at);
  return label;
}

}  // namespace culvert::wireguard
