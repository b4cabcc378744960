#include "proto/path/prober.hpp"

#include <algorithm>
#include <utility>

#include "proto/path/disco.hpp"
#include "proto/path/peer_paths.hpp"
#include "proto/path/reflexive.hpp"
#include "proto/path/stun.hpp"

namespace culvert::path {

Prober::Prober(ProberOptions options, crypto::KeyPair<crypto::DiscoKey> ours,
               crypto::WireGuardKey node, Rng& rng)
    : ours_(std::move(ours)),
      context_(std::make_unique<PathContext>(PathContext{.allow_loopback = options.allow_loopback,
                                                         .direct = options.direct,
                                                         .ours = ours_.public_key,
                                                         .node = node,
                                                         .rng = rng,
                                                         .endpoints = {},
                                                         .lost = false,
                                                         .output = {},
                                                         .counters = {}})),
      reflexive_(std::make_unique<Reflexive>(rng)) {}

Prober::~Prober() = default;

Status Prober::add_peer(Instant now, const PeerInfo& peer) {
  if (auto* known = by_node(peer.node)) {
    if (known->info().disco == peer.disco && known->info().relay_key == peer.relay_key) {
      known->set_home(peer.home);
      known->call(now);
      reschedule(now);
      return {};
    }
    remove_peer(peer.node);
  }
  if (by_disco_.contains(peer.disco)) {
    return fail(ErrorCode::kConflict, "path: the disco key belongs to another peer");
  }
  if (peers_.size() >= kMaxPeers) return fail(ErrorCode::kExhausted, "path: too many peers");
  auto box = crypto::BoxKey::between(ours_.secret, peer.disco.view());
  if (!box) return fail(ErrorCode::kInvalid, "path: the peer's disco key is not a key");
  auto paths = std::make_unique<PeerPaths>(*context_, peer, std::move(*box));
  by_disco_.emplace(peer.disco, paths.get());
  peers_.emplace(peer.node, std::move(paths));
  return {};
}

void Prober::remove_peer(const crypto::WireGuardKey& node) {
  const auto found = peers_.find(node);
  if (found == peers_.end()) return;
  by_disco_.erase(found->second->info().disco);
  peers_.erase(found);
}

PeerPaths* Prober::by_node(const crypto::WireGuardKey& node) const {
  const auto found = peers_.find(node);
  return found == peers_.end() ? nullptr : found->second.get();
}

void Prober::set_local_endpoints(Instant now, std::vector<Endpoint> endpoints) {
  std::erase_if(endpoints, [&](const Endpoint& e) { return !context_->usable(e); });
  if (endpoints.size() > kMaxLocalEndpoints) endpoints.resize(kMaxLocalEndpoints);
  if (endpoints == local_) return;
  local_ = std::move(endpoints);
  reflexive_->reset();
  context_->endpoints = this->endpoints();
  for (auto& [node, peer] : peers_) peer->restart(now);
  ask_where_we_are(now);
  reschedule(now);
}

void Prober::set_stun_servers(Instant now, std::vector<Endpoint> servers) {
  reflexive_->set_servers(std::move(servers));
  endpoints_changed(now);
  ask_where_we_are(now);
  reschedule(now);
}

void Prober::relay_connected(Instant now, const RelayId& relay) {
  for (auto& [node, peer] : peers_) {
    if (peer->info().home == relay) peer->call(now);
  }
  reschedule(now);
}

bool Prober::is_ours(ByteView datagram) { return is_disco(datagram) || is_stun(datagram); }

void Prober::handle_datagram(Instant now, const Endpoint& from, ByteView datagram) {
  if (is_disco(datagram)) {
    handle_disco(now, from, datagram);
  } else if (const auto response = parse_stun_response(datagram); !response) {
    ++context_->counters.malformed;
  } else if (reflexive_->handle_response(now, from, *response)) {
    endpoints_changed(now);
  } else {
    ++context_->counters.unexpected;
  }
  reschedule(now);
}

void Prober::handle_relayed(Instant now, const Via& via, ByteView packet) {
  handle_disco(now, via, packet);
  reschedule(now);
}

void Prober::handle_disco(Instant now, const Source& from, ByteView bytes) {
  if (!is_disco(bytes)) {
    ++context_->counters.malformed;
    return;
  }
  const auto found = by_disco_.find(disco_sender(bytes));
  if (found == by_disco_.end()) {
    ++context_->counters.unknown_sender;
    return;
  }
  const auto* via = std::get_if<Via>(&from);
  if (via != nullptr && via->source != found->second->info().relay_key) {
    ++context_->counters.unexpected;
    return;
  }
  found->second->handle(now, from, bytes);
}

void Prober::handle_send_error(Instant now, const Endpoint& to) {
  for (auto& [node, peer] : peers_) peer->handle_send_error(now, to);
  reschedule(now);
}

void Prober::handle_timeout(Instant now) {
  reflexive_->handle_timeout(now, context_->output.datagrams);
  endpoints_changed(now);
  for (auto& [node, peer] : peers_) {
    if (now >= peer->next_deadline()) peer->handle_timeout(now);
  }
  ask_where_we_are(now);
  reschedule(now);
}

Route Prober::route(Instant now, const crypto::WireGuardKey& node) {
  auto* peer = by_node(node);
  if (peer == nullptr) return {};
  if (peer->use(now)) {
    ask_where_we_are(now);
    reschedule(now);
  }
  return peer->route(now);
}

PingId Prober::ping(Instant now, const crypto::WireGuardKey& node) {
  const auto id = ++last_ping_;
  auto* peer = by_node(node);
  if (peer == nullptr) {
    context_->output.answers.push_back({id, node, PathKind::kUnknown, {}, {}});
    return id;
  }
  (void)route(now, node);
  peer->ping(now, id);
  reschedule(now);
  return id;
}

PathStatus Prober::status(Instant now, const crypto::WireGuardKey& node) const {
  const auto* peer = by_node(node);
  return peer == nullptr ? PathStatus{} : peer->status(now);
}

std::vector<Endpoint> Prober::endpoints() const {
  auto out = local_;
  for (const auto& endpoint : reflexive_->endpoints()) {
    if (context_->usable(endpoint) && std::find(out.begin(), out.end(), endpoint) == out.end()) {
      out.push_back(endpoint);
    }
  }
  return out;
}

std::optional<bool> Prober::mapping_varies() const { return reflexive_->mapping_varies(); }

const ProberCounters& Prober::counters() const { return context_->counters; }

void Prober::drain(ProberOutput& into) {
  into.clear();
  std::swap(into, context_->output);
}

void Prober::endpoints_changed(Instant now) {
  auto current = endpoints();
  if (current == context_->endpoints) return;
  context_->endpoints = std::move(current);
  for (auto& [node, peer] : peers_) peer->call(now);
}

bool Prober::any_active(Instant now) const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [&](const auto& peer) { return peer.second->active(now); });
}

void Prober::ask_where_we_are(Instant now) {
  if (!context_->direct || !reflexive_->due(now) || !any_active(now)) return;
  reflexive_->start(now, context_->output.datagrams);
}

void Prober::reschedule(Instant now) {
  if (std::exchange(context_->lost, false)) reflexive_->doubt(now);
  deadline_ = reflexive_->next_deadline();
  if (context_->direct && any_active(now)) {
    deadline_ = std::min(deadline_, reflexive_->next_round());
  }
  smallest_ = kFullSize;
  for (const auto& [node, peer] : peers_) {
    deadline_ = std::min(deadline_, peer->next_deadline());
    smallest_ = std::min(smallest_, peer->route(now).size);
  }
}

}  // namespace culvert::path
