#include "proto/wireguard/device.hpp"

#include <algorithm>
#include <utility>

#include "proto/crypto/hash.hpp"

namespace culvert::wireguard {

namespace {

// The limiter's key is a secret of this device, so that no stranger can choose sources that share
// the same places.
SourceLimiter::Key limiter_key(const Identity& identity) {
  const auto hash = crypto::blake2s({view("culvert source places"), identity.secret.reveal()});
  return {load_le<std::uint64_t>(hash.data()), load_le<std::uint64_t>(hash.data() + 8)};
}

}  // namespace

Device::Device(Identity identity, Rng& rng, DeviceOptions options)
    : identity_(std::move(identity)),
      rng_(rng),
      options_(options),
      lane_(options),
      checker_(identity_.public_key, rng),
      load_(options.handshakes_per_second),
      sources_(rng, limiter_key(identity_)),
      cookie_sources_(rng, limiter_key(identity_)),
      lane_feed_(options.lanes) {}

Status Device::add_peer(Now now, PeerConfig config) {
  const auto& key = config.public_key;
  if (key == identity_.public_key) return fail(ErrorCode::kInvalid, "the peer's key is our own");
  if (find(key) != nullptr) return fail(ErrorCode::kConflict, "the peer is already there");
  if (peers_.size() >= kMaxPeers) return fail(ErrorCode::kExhausted, "too many peers");
  if (config.allowed_ips.size() > kMaxAllowedIps) {
    return fail(ErrorCode::kExhausted, "too many allowed IPs for one peer");
  }
  auto keys = PeerKeys::make(identity_, key);
  if (!keys) return fail(ErrorCode::kInvalid, "the peer's key is no usable X25519 key");
  if (config.preshared_key) keys->preshared = std::move(*config.preshared_key);

  auto peer = std::make_unique<Peer>(std::move(*keys), next_serial_++);
  if (config.endpoint) peer->way = UdpWay{*config.endpoint};
  peer->last_timestamp =
      std::max(tombstones_.take(key).value_or(Tai64n{}), config.last_timestamp.value_or(Tai64n{}));
  peer->timers.set_persistent(now.steady, config.persistent_keepalive);
  watch(deadlines_, *peer);
  peer->lane = &lane_.add(PeerId(peer->serial), peer.get());
  update_lanes(*peer);
  peers_.emplace(key, std::move(peer));
  set_allowed_ips(key, config.allowed_ips);
  return {};
}

bool Device::remove_peer(const crypto::WireGuardKey& key) {
  Peer* peer = find(key);
  if (peer == nullptr) return false;
  if (peer->last_timestamp != Tai64n{}) tombstones_.put(key, peer->last_timestamp);
  drop_pending(*peer);
  set_allowed_ips(key, {});
  lane_feed_.remove(peer->lane->id);
  lane_.remove(*peer->lane);
  deadlines_.forget(peer->serial, peer->queued);
  peers_.erase(crypto::WireGuardKey(key));  // a copy: `key` may be the peer's own
  return true;
}

bool Device::set_allowed_ips(const crypto::WireGuardKey& key, std::span<const Prefix> prefixes) {
  Peer* peer = find(key);
  if (peer == nullptr || prefixes.size() > kMaxAllowedIps) return false;
  if (lane_feed_.on()) {
    const auto owned = lane_.routes().prefixes(peer->lane)[peer->lane];
    for (const auto& prefix : owned) lane_feed_.route(prefix, std::nullopt);
  }
  lane_.routes().remove_all(peer->lane);
  for (const auto& prefix : prefixes) add_allowed_ip(key, prefix);
  return true;
}

bool Device::add_allowed_ip(const crypto::WireGuardKey& key, const Prefix& prefix) {
  Peer* peer = find(key);
  if (peer == nullptr) return false;
  lane_.routes().insert(prefix, peer->lane);
  lane_feed_.route(prefix, peer->lane->id);
  return true;
}

bool Device::remove_allowed_ip(const crypto::WireGuardKey& key, const Prefix& prefix) {
  const Peer* peer = find(key);
  if (peer == nullptr) return false;
  if (lane_.routes().remove(prefix, peer->lane)) lane_feed_.route(prefix, std::nullopt);
  return true;
}

bool Device::set_preshared_key(const crypto::WireGuardKey& key,
                               std::optional<crypto::Secret32> secret) {
  Peer* peer = find(key);
  if (peer == nullptr) return false;
  peer->keys.preshared = secret ? std::move(*secret) : crypto::Secret32{};
  return true;
}

bool Device::set_endpoint(const crypto::WireGuardKey& key, const Endpoint& endpoint) {
  Peer* peer = find(key);
  if (peer == nullptr) return false;
  roam(*peer, UdpWay{endpoint});
  return true;
}

bool Device::set_persistent_keepalive(Now now, const crypto::WireGuardKey& key, Duration every) {
  Peer* peer = find(key);
  if (peer == nullptr) return false;
  peer->timers.set_persistent(now.steady, every);
  watch(deadlines_, *peer);
  return true;
}

bool Device::begin_anew(Now now, const crypto::WireGuardKey& key, Output& out) {
  Peer* peer = find(key);
  if (peer == nullptr) return false;
  end_sessions(*peer);
  start_handshake(now, *peer, false, out);
  settle(now, out);
  return true;
}

void Device::end_sessions(Peer& peer) {
  drop_pending(peer);
  peer.keypairs.clear(retired_);
  peer.handshake_sent.reset();
  peer.timers.sessions_ended();
  update_lanes(peer);
  watch(deadlines_, peer);
}

void Device::set_mtu(std::size_t mtu) {
  lane_.set_mtu(mtu);
  lane_feed_.set_mtu(mtu);
}

void Device::set_identity(Identity identity) {
  identity_ = std::move(identity);
  checker_.set_key(identity_.public_key);
  remove_peer(identity_.public_key);
  for (auto& [key, peer] : peers_) {
    end_sessions(*peer);
    // make() never returns nothing: add_peer() has refused the keys for which it would.
    if (auto keys = PeerKeys::make(identity_, key)) {
      keys->preshared = std::move(peer->keys.preshared);
      peer->keys = std::move(*keys);
    }
  }
  retired_.clear();
}

crypto::Secret32 Device::preshared_key(const crypto::WireGuardKey& key) const {
  const Peer* peer = find(key);
  return peer == nullptr ? crypto::Secret32{} : peer->keys.preshared.clone();
}

namespace {

PeerInfo describe(const Peer& peer, std::vector<Prefix> allowed_ips) {
  PeerInfo out;
  out.public_key = peer.keys.public_key;
  out.has_preshared_key = !peer.keys.preshared.is_zero();
  out.allowed_ips = std::move(allowed_ips);
  if (const Endpoint* endpoint = endpoint_of(peer.way)) out.endpoint = *endpoint;
  out.persistent_keepalive = peer.timers.persistent_every();
  out.last_handshake = peer.last_handshake;
  out.unanswered_since = peer.unanswered_since;
  out.received_bytes = peer.received_bytes;
  out.sent_bytes = peer.sent_bytes;
  out.staged_packets = peer.lane->staged.size();
  return out;
}

}  // namespace

std::optional<PeerInfo> Device::peer(const crypto::WireGuardKey& key) const {
  const Peer* peer = find(key);
  if (peer == nullptr) return std::nullopt;
  return describe(*peer, lane_.routes().prefixes(peer->lane)[peer->lane]);
}

std::vector<PeerInfo> Device::peers() const {
  auto prefixes = lane_.routes().prefixes();
  std::vector<PeerInfo> out;
  out.reserve(peers_.size());
  for (const auto& entry : peers_) {
    const Peer* peer = entry.second.get();
    out.push_back(describe(*peer, std::move(prefixes[peer->lane])));
  }
  return out;
}

std::optional<Tai64n> Device::last_timestamp(const crypto::WireGuardKey& key) const {
  const Peer* peer = find(key);
  if (peer == nullptr) return tombstones_.find(key);
  if (peer->last_timestamp == Tai64n{}) return std::nullopt;
  return peer->last_timestamp;
}

Peer* Device::find(const crypto::WireGuardKey& key) const {
  const auto at = peers_.find(key);
  return at == peers_.end() ? nullptr : at->second.get();
}

Peer* Device::find(SessionIndex index) const {
  const auto pending = pending_.find(index);
  if (pending != pending_.end()) return pending->second;
  const LanePeer* peer = lane_.find(index);
  return peer == nullptr ? nullptr : peer->owner;
}

SessionIndex Device::new_index() const {
  for (;;) {
    const SessionIndex index(static_cast<std::uint32_t>(rng_.next()));
    if (find(index) == nullptr) return index;
  }
}

void Device::drop_pending(Peer& peer) {
  if (!peer.pending) return;
  pending_.erase(peer.pending_index);
  peer.pending.reset();
}

// Ends a call: updates the timers once for each peer, whatever the number of packets, then seals
// what hear() has sent, and lets go of the keypairs that have been replaced.
void Device::settle(Now now, Output& out) {
  lane_.hear_reports([&](Peer& peer, const LaneReport& report) { hear(now, peer, report, out); });
  lane_.seal();
  retired_.clear();
}

}  // namespace culvert::wireguard
