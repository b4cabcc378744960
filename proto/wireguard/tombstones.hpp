// The greatest labels of removed peers, so that an old initiation stays useless when a peer is
// added again. At most kMaxTombstones; the peer that was removed first is forgotten first. The cost
// of a call does not depend on their number. After a label is forgotten, an old initiation can be
// answered once more. That gives nobody a session: the responder uses the keys only after the
// initiator has proven that it has the keys.
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
  Order order_;  // the keys of labels_
};

}  // namespace culvert::wireguard
