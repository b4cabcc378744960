// The changes that a device collects for its lanes. A device without lanes collects nothing.
#pragma once

#include <utility>

#include "proto/wireguard/allowed_ips.hpp"
#include "proto/wireguard/lane_messages.hpp"
#include "proto/wireguard/peer.hpp"

namespace culvert::wireguard {

class LaneFeed {
 public:
  explicit LaneFeed(bool on) : on_(on) {}

  // To be called after each change of a value in the peer's LanePeerState.
  void update(const Peer& peer, bool given_up = false);
  void remove(const Peer& peer);
  void route(const Prefix& prefix, const Peer* owner);     // null: the prefix has no owner any more
  void unroute(const AllowedIps& from, const Peer& peer);  // all prefixes of the peer
  void set_mtu(std::size_t mtu);
  LaneChanges take() { return std::exchange(changes_, {}); }

 private:
  bool on_;
  LaneChanges changes_;
};

}  // namespace culvert::wireguard
