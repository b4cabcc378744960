#include "proto/path/prober.hpp"

#include <algorithm>
#include <utility>

#include "proto/path/disco.hpp"
#include "proto/path/peer_paths.hpp"
#include "proto/path/reflexive.hpp"
#include "proto/path/stun.hpp"

namespace culvert::path {

struct Prober::Peer {
  Peer(PathContext& context, const PeerInfo& info, crypto::BoxKey box)
      : paths(context, info, std::move(box)) {}

  PeerPaths paths;
  Instant due = Instant::never();  // the time of the peer's entry in due_
  std::size_t size = kFullSize;    // the peer's key in sizes_
};

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
    const PeerInfo& info = known->paths.info();
    if (info.disco == peer.disco && info.relay_key == peer.relay_key) {
      if (info.home == peer.home) return {};
      known->paths.set_home(peer.home);
      known->paths.call(now);
      touched(now, *known);
      reschedule(now);
      return {};
    }
    remove_peer(peer.node);
  }
  if (peers_.size() >= kMaxPeers) return fail(ErrorCode::kExhausted, "path: too many peers");
  auto box = crypto::BoxKey::between(ours_.secret, peer.disco.view());
  if (!box) return fail(ErrorCode::kInvalid, "path: the peer's disco key is not a key");
  auto made = std::make_unique<Peer>(*context_, peer, std::move(*box));
  by_disco_[peer.disco].push_back(made.get());
  peers_.emplace(peer.node, std::move(made));
  return {};
}

void Prober::remove_peer(const crypto::WireGuardKey& node) {
  const auto found = peers_.find(node);
  if (found == peers_.end()) return;
  forget(*found->second);
  peers_.erase(found);
}

void Prober::forget(Peer& peer) {
  const auto claimed = by_disco_.find(peer.paths.info().disco);
  std::erase(claimed->second, &peer);
  if (claimed->second.empty()) by_disco_.erase(claimed);
  due_.forget(peer.paths.info().node, peer.due);
  const auto size = sizes_.find(peer.size);
  if (size != sizes_.end() && --size->second == 0) sizes_.erase(size);
}

void Prober::touched(Instant now, Peer& peer) {
  due_.set(peer.paths.info().node, &peer, peer.due, peer.paths.next_deadline());
  if (const std::size_t size = peer.paths.route(now).size; size != peer.size) {
    const auto before = sizes_.find(std::exchange(peer.size, size));
    if (before != sizes_.end() && --before->second == 0) sizes_.erase(before);
    if (size < kFullSize) ++sizes_[size];
  }
  active_until_ = std::max(active_until_, peer.paths.active_until());
}

void Prober::all_touched(Instant now) {
  for (auto& [node, peer] : peers_) touched(now, *peer);
}

Prober::Peer* Prober::by_node(const crypto::WireGuardKey& node) const {
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
  for (auto& [node, peer] : peers_) peer->paths.restart(now);
  all_touched(now);
  ask_where_we_are(now);
  reschedule(now);
}

void Prober::set_stun_servers(Instant now, std::vector<Endpoint> servers) {
  reflexive_->set_servers(std::move(servers));
  endpoints_changed(now);
  ask_where_we_are(now);
  reschedule(now);
}

void Prober::relay_connected(Instant now, RelayIndex relay) {
  for (auto& [node, peer] : peers_) {
    if (peer->paths.info().home != relay) continue;
    peer->paths.call(now);
    touched(now, *peer);
  }
  reschedule(now);
}

bool Prober::is_ours(ByteView datagram) { return is_disco(datagram) || is_stun(datagram); }

void Prober::handle_datagram(Instant now, const Datagram& datagram) {
  const Endpoint* from = endpoint_of(datagram.way);
  if (from == nullptr || is_disco(datagram.bytes)) {
    handle_disco(now, datagram);
  } else if (const auto response = parse_stun_response(datagram.bytes); !response) {
    ++context_->counters.malformed;
  } else if (reflexive_->handle_response(now, *from, *response)) {
    endpoints_changed(now);
  } else {
    ++context_->counters.unexpected;
  }
  reschedule(now);
}

void Prober::handle_disco(Instant now, const Datagram& datagram) {
  const Way& from = datagram.way;
  const ByteView bytes = datagram.bytes;
  if (!is_disco(bytes)) {
    ++context_->counters.malformed;
    return;
  }
  const auto found = by_disco_.find(disco_sender(bytes));
  if (found == by_disco_.end()) {
    ++context_->counters.unknown_sender;
    return;
  }
  const std::vector<Peer*>& claimants = found->second;
  const auto from_its_relay_key = [&](const Peer* peer) { return peer->paths.may_come(from); };
  if (std::none_of(claimants.begin(), claimants.end(), from_its_relay_key)) {
    ++context_->counters.unexpected;
    return;
  }
  // The box key depends on the two disco keys only, so any peer that claims this key can open it.
  const auto message = claimants.front()->paths.open(bytes);
  if (!message) return;
  const auto sender = std::find_if(claimants.begin(), claimants.end(), [&](const Peer* peer) {
    return claimants.size() == 1 ||
           (peer->paths.may_come(from) && peer->paths.is_from(now, from, *message));
  });
  if (sender == claimants.end()) {
    ++context_->counters.unexpected;
    return;
  }
  (*sender)->paths.handle(now, from, *message, disco_nonce(bytes));
  touched(now, **sender);
}

void Prober::handle_send_error(Instant now, const Endpoint& to) {
  for (auto& [node, peer] : peers_) {
    if (peer->paths.handle_send_error(now, to)) touched(now, *peer);
  }
  reschedule(now);
}

void Prober::handle_timeout(Instant now) {
  reflexive_->handle_timeout(now, context_->output.datagrams);
  endpoints_changed(now);
  // Handles each due peer once: a peer that is due again at once waits for the next call.
  for (std::size_t left = due_.size(); left > 0; --left) {
    Peer* peer = due_.first_due(now);
    if (peer == nullptr) break;
    peer->paths.handle_timeout(now);
    touched(now, *peer);
  }
  ask_where_we_are(now);
  reschedule(now);
}

Route Prober::route(Instant now, const crypto::WireGuardKey& node) {
  auto* peer = by_node(node);
  if (peer == nullptr) return {};
  if (peer->paths.use(now)) {
    touched(now, *peer);
    ask_where_we_are(now);
    reschedule(now);
  }
  return peer->paths.route(now);
}

PingId Prober::ping(Instant now, const crypto::WireGuardKey& node) {
  const auto id = ++last_ping_;
  auto* peer = by_node(node);
  if (peer == nullptr) {
    context_->output.answers.push_back({id, node, PathKind::kUnknown, {}, {}});
    return id;
  }
  (void)route(now, node);
  peer->paths.ping(now, id);
  touched(now, *peer);
  reschedule(now);
  return id;
}

PathStatus Prober::status(Instant now, const crypto::WireGuardKey& node) const {
  const auto* peer = by_node(node);
  return peer == nullptr ? PathStatus{} : peer->paths.status(now);
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
  for (auto& [node, peer] : peers_) peer->paths.call(now);
  all_touched(now);
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
  deadline_ = std::min(deadline_, due_.next());
}

}  // namespace culvert::path
