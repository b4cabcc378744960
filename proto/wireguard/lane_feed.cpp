#include "proto/wireguard/lane_feed.hpp"

namespace culvert::wireguard {

void LaneFeed::set(PeerId id, const LanePeerState& state) {
  if (on_) changes_.set(id, state);
}

void LaneFeed::remove(PeerId id) {
  if (on_) changes_.peers[id].reset();
}

void LaneFeed::route(const Prefix& prefix, std::optional<PeerId> owner) {
  const auto whole = Prefix::of(prefix.address, prefix.length);
  if (on_ && whole) changes_.routes[*whole] = owner;
}

void LaneFeed::set_mtu(std::size_t mtu) {
  if (on_) changes_.mtu = mtu;
}

}  // namespace culvert::wireguard
