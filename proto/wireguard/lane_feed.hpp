// The changes that a device collects for its lanes; nothing where it has none.
#pragma once

#include <utility>

#include "proto/wireguard/allowed_ips.hpp"
#include "proto/wireguard/lane_messages.hpp"
#include "proto/wireguard/peer.hpp"

namespace culvert::wireguard {

class LaneFeed {
 public:
  explicit LaneFeed(bool on) : on_(on) {}

  // After each change of what LanePeerState holds.
  void update(const Peer& peer, bool given_up = false);
  void remove(const Peer& peer);
  void route(const Prefix& prefix, const Peer* owner);     // null: nobody's from now on
  void unroute(const AllowedIps& from, const Peer& peer);  // all that is the peer's
  void set_mtu(std::size_t mtu);
  LaneChanges take() { return std::exchange(changes_, {}); }

 private:
  bool on_;
  LaneChanges changes_;
};

}  // namespace culvert::wireguard
