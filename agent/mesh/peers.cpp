// From Permits to the filter, the WireGuard peers and their paths, by difference to what was.
//
// In order: Access decides → apply(): the filter and the resets of ended flows, then the peers →
// relays are wanted while there are peers.
#include "agent/mesh/mesh.hpp"

namespace culvert::agent {

void Mesh::apply(Now now, const Permits& permits, std::optional<RelayPlan> plan) {
  if (stopping_) return;
  apply_flows(now, permits);
  if (!effects_.sealed.datagrams.empty()) transmit(now);  // resets, while their peers are known
  unclaimed_ = permits.unclaimed;
  if (plan) use_relays(std::move(*plan));
  apply_peers(now, permits.peers);
}

void Mesh::apply_flows(Now now, const Permits& next) {
  for (const Permit& permit : next.flows) filter_.allow(permit.grantee, permit.service);
  for (const Permit& old : permits_) {
    if (next.flows.contains(old)) continue;
    const auto why = next.ended.find(old);
    end(now, old, why == next.ended.end() ? "no grant in force" : why->second);
    // Another publisher of the same service, or another device, starts with no old flows.
    for (const Permit& other : next.flows) {
      if (other.grantee == old.grantee && other.service == old.service) {
        filter_.allow(other.grantee, other.service);
      }
    }
  }
  permits_ = next.flows;
}

void Mesh::apply_peers(Now now, const PeerSet& needed) {
  bool changed = false;
  for (const auto& [key, had] : peers_) {
    const auto still = needed.find(key);
    if (had.owns_relay && (still == needed.end() || !still->second.owns_relay ||
                           still->second.node.relay != had.node.relay)) {
      by_relay_key_.erase(had.node.relay);
    }
    if (still != needed.end()) continue;
    device_.remove_peer(key);
    prober_.remove_peer(key);
    changed = true;
  }
  std::map<crypto::WireGuardKey, KnownPeer> next;
  for (const auto& [key, need] : needed) {
    const auto had = peers_.find(key);
    const bool is_new = had == peers_.end();
    KnownPeer peer{need};
    if (!is_new && had->second.node.identity == need.node.identity) {
      peer.memory = had->second.memory;
    } else if (!is_new) {
      stopped_.erase(key);  // the key belongs to another node now
    }
    add_peer(now, peer, is_new ? nullptr : &had->second);
    changed = changed || is_new;
    next.emplace(key, std::move(peer));
  }
  peers_ = std::move(next);
  if (changed) relays_.pairs_changed(now);
  relays_.set_wanted(now, options_.role == Role::kSite || !peers_.empty(), effects_);
}

void Mesh::add_peer(Now now, const KnownPeer& peer, const KnownPeer* before) {
  const auto& key = peer.node.wireguard;
  const std::vector<Prefix> allowed(peer.allowed.begin(), peer.allowed.end());
  if (before == nullptr) {
    wireguard::PeerConfig config;
    config.public_key = key;
    config.allowed_ips = allowed;
    if (auto added = device_.add_peer(now, std::move(config)); !added) {
      log(LogLevel::kError, "peer refused", added.error().message);
    }
  } else if (before->allowed != peer.allowed) {
    device_.set_allowed_ips(key, allowed);
  }
  if (before == nullptr && peer.owns_relay) relays_.forget_absence(peer.node.relay);
  path::PeerInfo info{key, peer.node.disco, peer.node.relay, std::nullopt};
  if (peer.owns_relay) info.home = relays_.index_for(peer.node.relay);
  if (auto added = prober_.add_peer(now.steady, info); !added) {
    log(LogLevel::kError, "path refused", added.error().message);
  }
  if (peer.owns_relay) by_relay_key_.insert_or_assign(peer.node.relay, key);
}

bool Mesh::use_relays(RelayPlan plan) {
  const bool changed = relays_.set_map(std::move(plan.map), effects_);
  relays_.set_met_at(std::move(plan.met_at));
  if (changed) resolve_stun();
  return changed;
}

void Mesh::coordinator_connected(Now now, std::optional<RelayPlan> plan) {
  if (!plan || !use_relays(std::move(*plan))) resolve_stun();
  relays_.pairs_changed(now);
  relays_.set_wanted(now, options_.role == Role::kSite || !peers_.empty(), effects_);
}

void Mesh::resolve_stun() {
  for (const RelayUse& use : relays_.map()) {
    if (use.info.stun_port == 0) continue;
    effects_.events.emplace_back(ResolveStun{use.info.host, use.info.stun_port, use.inside});
  }
}

}  // namespace culvert::agent
