// The greatest label seen of peers that were removed: an old initiation stays useless when the peer
// comes back. At most kMaxTombstones; the one removed longest ago is forgotten first.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>

#include "proto/crypto/keys.hpp"
#include "proto/wireguard/tai64n.hpp"

namespace culvert::wireguard {

class Tombstones {
 public:
  static constexpr std::size_t kMaxTombstones = 4096;

  void put(const crypto::WireGuardKey& key, const Tai64n& label);
  std::optional<Tai64n> find(const crypto::WireGuardKey& key) const;
  std::optional<Tai64n> take(const crypto::WireGuardKey& key);
  std::size_t size() const { return labels_.size(); }

 private:
  std::unordered_map<crypto::WireGuardKey, Tai64n> labels_;
  std::deque<crypto::WireGuardKey> order_;  // oldest first; the same keys
};

}  // namespace culvert::wireguard
