// The greatest label seen of peers that were removed: an old initiation stays useless when the peer
// comes back. At most kMaxTombstones; the one removed longest ago is forgotten first, and each call
// costs the same however many there are. Where a label is forgotten, an old initiation can be
// answered once more, which gives nobody a session: the keys of an answer are used after the
// initiator has proven that it has them.
#pragma once

#include <list>
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
  using Order = std::list<crypto::WireGuardKey>;  // oldest first
  struct Kept {
    Tai64n label;
    Order::iterator place;
  };
  std::unordered_map<crypto::WireGuardKey, Kept> labels_;
  Order order_;  // the same keys
};

}  // namespace culvert::wireguard
