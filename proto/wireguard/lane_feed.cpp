#include "proto/wireguard/lane_feed.hpp"

namespace culvert::wireguard {

void LaneFeed::update(const Peer& peer, bool given_up) {
  if (!on_) return;
  changes_.set(PeerId(peer.serial), {peer.keys.public_key, peer.way, peer.keypairs.shared_current(),
                                     peer.keypairs.shared_next(), peer.keypairs.all(), given_up});
}

void LaneFeed::remove(const Peer& peer) {
  if (on_) changes_.peers[PeerId(peer.serial)].reset();
}

void LaneFeed::route(const Prefix& prefix, const Peer* owner) {
  const auto whole = Prefix::of(prefix.address, prefix.length);
  if (!on_ || !whole) return;
  auto& noted = changes_.routes[*whole];
  noted.reset();
  if (owner != nullptr) noted = PeerId(owner->serial);
}

void LaneFeed::unroute(const AllowedIps& from, const Peer& peer) {
  if (!on_) return;
  const auto owned = from.prefixes(&peer)[&peer];
  for (const auto& prefix : owned) route(prefix, nullptr);
}

void LaneFeed::set_mtu(std::size_t mtu) {
  if (on_) changes_.mtu = mtu;
}

}  // namespace culvert::wireguard
