// The changes that a device collects for its lanes. A device without lanes collects nothing.
#pragma once

#include <utility>

#include "proto/wireguard/lane_messages.hpp"

namespace culvert::wireguard {

class LaneFeed {
 public:
  explicit LaneFeed(bool on) : on_(on) {}
  bool on() const { return on_; }

  void set(PeerId id, const LanePeerState& state);
  void remove(PeerId id);
  void route(const Prefix& prefix, std::optional<PeerId> owner);  // nothing: no owner any more
  void set_mtu(std::size_t mtu);
  LaneChanges take() { return std::exchange(changes_, {}); }

 private:
  bool on_;
  LaneChanges changes_;
};

}  // namespace culvert::wireguard
