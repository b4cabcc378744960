#include "agent/mesh/mesh.hpp"

#include <algorithm>

namespace culvert::agent {
namespace {

constexpr std::chrono::seconds kLabelSkew{30};  // wireguard::DeviceOptions::label_skew
constexpr Duration kSweep = 60s;
constexpr Duration kPublisherPatience = 10s;  // of an unanswered handshake: two attempts

PathKind kind_of(path::PathKind kind) {
  switch (kind) {
    case path::PathKind::kUnknown:
      return PathKind::kNone;
    case path::PathKind::kRelay:
      return PathKind::kRelay;
    case path::PathKind::kDirect:
      return PathKind::kDirect;
  }
  return PathKind::kNone;
}

}  // namespace

Mesh::Mesh(MeshOptions options, MeshKeys keys, Gate& gate, Rng& rng, Now now)
    : options_(options),
      gate_(gate),
      device_(keys.wireguard.clone(), rng, {.roaming = false, .label_skew = kLabelSkew}),
      prober_({options.allow_loopback, options.direct}, std::move(keys.disco),
              keys.wireguard.public_key, rng),
      process_(draw_process_tag(rng)),
      relays_(std::move(keys.relay), rng, last_connection_),
      sweep_at_(now.steady + kSweep) {}

void Mesh::log(LogLevel level, std::string event, std::string detail) {
  effects_.events.emplace_back(LogLine{level, std::move(event), std::move(detail)});
}

void Mesh::handle_local_endpoints(Now now, std::vector<Endpoint> endpoints) {
  prober_.set_local_endpoints(now.steady, std::move(endpoints));
}

void Mesh::handle_send_error(Now now, const Endpoint& to) {
  prober_.handle_send_error(now.steady, to);
}

void Mesh::handle_stun_servers(Now now, const std::string& host, std::vector<Endpoint> addresses) {
  const auto& map = relays_.map();
  std::erase_if(stun_, [&](const auto& known) {  // servers of relays that are not used any longer
    return std::none_of(map.begin(), map.end(),
                        [&](const auto& relay) { return relay.info.host == known.first; });
  });
  stun_[host] = std::move(addresses);
  std::vector<Endpoint> all;
  for (const RelayUse& use : map) {
    const auto known = stun_.find(use.info.host);
    if (known == stun_.end() || use.info.stun_port == 0) continue;
    for (Endpoint endpoint : known->second) {
      endpoint.port = use.info.stun_port;
      all.push_back(endpoint);
    }
  }
  prober_.set_stun_servers(now.steady, std::move(all));
}

void Mesh::handle_relay_open(Now now, ConnectionId id) { relays_.handle_open(now, id, effects_); }

void Mesh::handle_relay_bytes(Now now, ConnectionId id, ByteView bytes) {
  Relays::Inbox inbox;
  relays_.handle_bytes(now, id, bytes, inbox, effects_);
  relayed(now, inbox);
}

void Mesh::handle_relay_closed(Now now, ConnectionId id, const std::string& reason) {
  log(LogLevel::kWarning, "relay lost", reason);
  relay_error_ = reason;
  relays_.handle_closed(now, id, effects_);
  news_ = true;  // peers may get another home
}

void Mesh::pull_relay(Now now, ConnectionId id, std::size_t room, Bytes& out) {
  relays_.pull(now, id, room, out);
}

void Mesh::handle_ticket(Now now, const std::string& relay, std::string note, WallTime until) {
  relays_.ticket(now, relay, std::move(note), until, effects_);
}

void Mesh::handle_timeout(Now now) {
  if (device_.next_deadline() <= now.steady) device_.handle_timeout(now, effects_.sealed);
  if (prober_.next_deadline() <= now.steady) prober_.handle_timeout(now.steady);
  Relays::Inbox inbox;
  relays_.handle_timeout(now, inbox, effects_);
  relayed(now, inbox);
  if (sweep_at_ <= now.steady) {
    sweep_at_ = filter_.sweep(now.steady) ? now.steady : now.steady + kSweep;
    std::erase_if(stopped_, [&](const auto& stop) {
      return !peers_.contains(stop.first) && stop.second + kPassedOver <= now.steady;
    });
  }
}

Instant Mesh::next_deadline() const {
  return std::min(
      {device_.next_deadline(), prober_.next_deadline(), relays_.next_deadline(), sweep_at_});
}

void Mesh::ping(Now now, const crypto::WireGuardKey& peer, Done<PingResult> done) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return done(fail(ErrorCode::kNotFound, "no such peer or service"));
  const auto& node = found->second.node;
  pings_.start(prober_.ping(now.steady, peer), node.name.str(), node.relay, std::move(done));
}

// A publisher is silent when it answers no handshake, or when no relay knows the publisher and no
// direct path reaches it. Nobody is called silent while this node itself has no way out.
const Silent& Mesh::find_silent(Now now) {
  if (options_.role != Role::kDevice) return silent_;
  std::erase_if(silent_, [&](const auto& one) { return one.second <= now.steady; });
  for (const auto& [key, peer] : peers_) {
    const auto info = device_.peer(key);
    const bool direct = is_direct(now, key);
    if (!info || (relays_.home_for(peer.node.relay).empty() && !direct)) continue;
    const Instant since =
        std::max(info->unanswered_since.value_or(now.steady), relays_.ready_since(peer.node.relay));
    const bool gone = relays_.says_gone(peer.node.relay) && !direct;
    if (gone || now.steady - since >= kPublisherPatience) {
      silent_[peer.node.identity] = now.steady + kPassedOver;
    } else if (!info->unanswered_since) {
      silent_.erase(peer.node.identity);  // the publisher answers again
    }
  }
  return silent_;
}

bool Mesh::is_direct(Now now, const crypto::WireGuardKey& peer) const {
  return prober_.status(now.steady, peer).kind == path::PathKind::kDirect;
}

bool Mesh::is_ready(Now now, const crypto::WireGuardKey& peer,
                    const crypto::RelayKey& relay) const {
  return !has_stopped(peer) && (!relays_.home_for(relay).empty() || is_direct(now, peer));
}

// The stop outlives the peer: a laptop that finds the site's other agents silent comes back to this
// one, and must still know of the stop.
bool Mesh::has_stopped(const crypto::WireGuardKey& key) const {
  const auto stop = stopped_.find(key);
  if (stop == stopped_.end()) return false;
  const auto info = device_.peer(key);
  return !info || !info->last_handshake || info->last_handshake->steady <= stop->second;
}

MeshCounters Mesh::counters(Now now) const {
  MeshCounters out{device_.counters(), prober_.counters(), filter_.refused(), peers_.size(), 0};
  for (const auto& [key, peer] : peers_) {
    if (is_direct(now, key)) ++out.direct;
  }
  return out;
}

std::vector<PeerView> Mesh::peers(Now now) const {
  std::vector<PeerView> out;
  for (const auto& [key, peer] : peers_) {
    PeerView one;
    one.name = peer.node.name.str();
    one.identity = crypto::format_ed25519(peer.node.identity);
    one.address = peer.node.address();
    const path::PathStatus path = prober_.status(now.steady, key);
    one.path = kind_of(path.kind);
    one.endpoint = path.endpoint;
    one.latency = path.latency;
    one.relay = relays_.home_for(peer.node.relay);
    one.stopped = has_stopped(key);
    if (const auto info = device_.peer(key)) {
      if (info->last_handshake) one.handshake_age = now.steady - info->last_handshake->steady;
      one.bytes_in = info->received_bytes;
      one.bytes_out = info->sent_bytes;
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace culvert::agent
