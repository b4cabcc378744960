#include "agent/mesh/relays.hpp"

#include <algorithm>
#include <utility>

#include "proto/core/overloaded.hpp"

namespace culvert::agent {

using namespace std::chrono_literals;

Relays::Relays(derp::RelayKeyPair key, Rng& rng, ConnectionId& last_connection)
    : key_(std::move(key)), rng_(rng), last_connection_(last_connection) {}

bool Relays::set_map(std::vector<RelayUse> map, MeshEffects& out) {
  if (map == map_) return false;
  map_ = std::move(map);
  std::vector<std::unique_ptr<Relay>> kept;
  for (const RelayUse& use : map_) {
    if (!use.kept) continue;
    const auto same = std::find_if(relays_.begin(), relays_.end(),
                                   [&](const auto& relay) { return relay && relay->use == use; });
    if (same != relays_.end()) {
      kept.push_back(std::move(*same));
    } else {
      kept.push_back(std::make_unique<Relay>());
      kept.back()->use = use;
      kept.back()->index = index_of(use.info.id);
    }
  }
  for (const auto& relay : relays_) {
    if (relay) drop(*relay, out);
  }
  relays_ = std::move(kept);
  return true;
}

// A relay keeps its index when the coordinator changes what it says of the relay.
RelayIndex Relays::index_of(const std::string& name) {
  const auto same = std::find_if(relays_.begin(), relays_.end(), [&](const auto& relay) {
    return relay && relay->use.info.id == name;
  });
  return same != relays_.end() ? (*same)->index : RelayIndex(++last_index_.value);
}

void Relays::set_wanted(Now now, bool wanted, MeshEffects& out) {
  wanted_ = wanted;
  for (const auto& relay : relays_) {
    if (!wanted_) {
      drop(*relay, out);
      relay->state = State::kIdle;
    } else if (relay->state == State::kIdle) {
      connect(now, *relay, out);
    }
  }
}

void Relays::pairs_changed(Now now) {
  for (const auto& relay : relays_) {
    relay->ticket_stale = true;
    relay->ask_ticket_at = now.steady;
  }
}

std::vector<std::string> Relays::tickets_due(Now now) {
  std::vector<std::string> due;
  if (!wanted_) return due;
  for (const auto& relay : relays_) {
    if (!relay->ticket_stale || relay->ask_ticket_at > now.steady) continue;
    relay->ask_ticket_at = now.steady + kTicketRetry;
    due.push_back(relay->use.info.id);
  }
  return due;
}

void Relays::ticket(Now now, const std::string& id, std::string note, WallTime until,
                    MeshEffects& out) {
  Relay* relay = by_name(id);
  if (relay == nullptr || until <= now.wall) return;
  relay->ticket = std::move(note);
  relay->ticket_until = until;
  relay->ticket_stale = false;
  relay->renew_at = now.steady + std::chrono::seconds(until - now.wall) / 2;
  if (relay->ready()) {
    relay->client->renew_ticket(relay->ticket, relay->output);
    relay->not_here.clear();
    flush(now, out);
  } else if (wanted_ && relay->state == State::kIdle) {
    connect(now, *relay, out);
  }
}

void Relays::connect(Now now, Relay& relay, MeshEffects& out) {
  relay.state = State::kIdle;
  if (relay.retry_at == Instant::never()) relay.backoff.begin(now.steady);
  relay.retry_at = Instant::never();
  if (relay.ticket.empty() || relay.ticket_until <= now.wall) {
    relay.ticket_stale = true;  // the relay is connected when the ticket arrives
    return;
  }
  relay.state = State::kConnecting;
  relay.connection = ++last_connection_;
  RelayTarget target{
      relay.use.info.id, relay.use.info.host, relay.use.info.port, {}, relay.use.inside};
  if (!relay.use.info.certificate.is_zero()) target.certificate_sha256 = relay.use.info.certificate;
  out.events.emplace_back(OpenRelay{relay.connection, std::move(target)});
}

void Relays::drop(Relay& relay, MeshEffects& out) {
  if (relay.connection != 0) out.events.emplace_back(CloseRelay{relay.connection});
  relay.connection = 0;
  relay.client.reset();
  relay.output.clear();
  relay.disco = {};
  relay.data = {};
  relay.not_here.clear();
}

void Relays::wait(Now now, Relay& relay) {
  relay.state = State::kWaiting;
  if (relay.ready_since != Instant{}) {
    relay.backoff.lost(now.steady, now.steady - std::exchange(relay.ready_since, {}));
  }
  relay.retry_at = now.steady + relay.backoff.next(now.steady, rng_) +
                   std::min(std::exchange(relay.restart, {}), kMaxRestart);
}

// For a new peer: a notice may be from long ago. A relay repeats the notice when a packet finds the
// peer absent.
void Relays::forget_absence(const crypto::RelayKey& peer) {
  for (const auto& relay : relays_) relay->not_here.erase(peer);
}

bool Relays::send(Now now, const crypto::RelayKey& to, ByteView packet) {
  Relay* best = nullptr;
  for (const auto& relay : relays_) {
    if (!relay->ready() || !carries(*relay, to)) continue;
    const bool here = !relay->not_here.contains(to);
    if (here || best == nullptr) best = relay.get();
    if (here) break;
  }
  if (best == nullptr || packet.size() > derp::kMaxPacketSize) return false;
  if (derp::is_disco(packet)) {
    if (best->disco.count() == kMaxDisco) best->disco.drop_oldest();
    best->disco.push(derp::FrameType::kSendPacket, {to.view(), packet});
  } else {
    best->data.push(now.steady, kMaxData, derp::FrameType::kSendPacket, {to.view(), packet});
  }
  return true;
}

void Relays::flush(Now now, MeshEffects& out) {
  for (const auto& relay : relays_) {
    if (relay->output.wire.size() > kMaxOwn) {
      out.events.emplace_back(LogLine{LogLevel::kWarning, "relay closed",
                                      relay->use.info.id + ": it asks and takes no answers"});
      drop(*relay, out);
      wait(now, *relay);
    } else if (!relay->output.wire.empty() || !relay->disco.empty() || !relay->data.empty()) {
      out.events.emplace_back(FlushRelay{relay->connection});
    }
  }
}

void Relays::pull(Now now, ConnectionId id, std::size_t room, Bytes& out) {
  Relay* relay = by_connection(id);
  if (relay == nullptr || room == 0) return;
  append(out, relay->output.wire);
  relay->output.wire.clear();
  relay->disco.pull(room, out);
  relay->data.pull(now.steady, room, out);
}

bool Relays::handle_open(Now now, ConnectionId id, MeshEffects& out) {
  Relay* relay = by_connection(id);
  if (relay == nullptr) return false;
  relay->state = State::kOpen;
  derp::ClientOptions options{relay->use.info.key, key_.clone(), [relay] { return relay->ticket; }};
  relay->client = std::make_unique<derp::Client>(std::move(options), rng_, now);
  flush(now, out);
  return true;
}

void Relays::handle_bytes(Now now, ConnectionId id, ByteView bytes, Inbox& inbox,
                          MeshEffects& out) {
  Relay* relay = by_connection(id);
  if (relay == nullptr || !relay->client) return;
  relay->client->handle_bytes(now, bytes, relay->output);
  take(now, *relay, inbox, out);
}

// Handles the client's events. The packets move to received_, so that they outlive the output.
void Relays::take(Now now, Relay& relay, Inbox& inbox, MeshEffects& out) {
  received_.clear();
  received_.swap(relay.output.packets);
  bool closed = false;
  const auto handle = overloaded{
      [&](const derp::Received& packet) {
        relay.not_here.erase(packet.source);
        inbox.packets.push_back({RelayWay{packet.source, relay.index},
                                 MutableByteView(received_).subspan(packet.offset, packet.size)});
      },
      [&](const derp::Ready&) {
        relay.ready_since = now.steady;
        relay.client->note_preferred(relays_.front().get() == &relay, relay.output);
        // A ticket that arrived during the login differs from the ticket in the login.
        relay.client->renew_ticket(relay.ticket, relay.output);
        inbox.ready.push_back(relay.index);
      },
      [&](const derp::PeerGone& gone) {
        if (relay.not_here.size() < kMaxNotHere) relay.not_here.insert(gone.peer);
      },
      [](const derp::PongEvent&) {},
      [](const derp::HealthEvent&) {},
      [&](const derp::Restarting& restarting) {
        relay.restart = std::chrono::milliseconds(restarting.reconnect_in_ms);
      },
      [&](const derp::Closed& end) {
        const std::string why = relay.use.info.id + ": " + end.reason.message;
        out.events.emplace_back(LogLine{LogLevel::kWarning, "relay closed", why});
        inbox.refused = why;
        relay.ticket_stale = relay.ticket_stale || end.reason.code == ErrorCode::kDenied;
        closed = true;
      },
  };
  for (const derp::ClientEvent& event : relay.output.events) std::visit(handle, event);
  relay.output.events.clear();
  flush(now, out);
  if (closed) {
    drop(relay, out);
    wait(now, relay);
  }
}

void Relays::handle_closed(Now now, ConnectionId id, MeshEffects& out) {
  Relay* relay = by_connection(id);
  if (relay == nullptr) return;
  relay->connection = 0;
  drop(*relay, out);
  // It may have refused a ticket that it takes for expired or foreign: the next try has a new one.
  relay->ticket_stale = true;
  wait(now, *relay);
}

Instant Relays::next_deadline() const {
  Instant next = Instant::never();
  if (!wanted_) return next;
  for (const auto& relay : relays_) {
    next = std::min({next, relay->retry_at, relay->renew_at});
    if (relay->ticket_stale) next = std::min(next, relay->ask_ticket_at);
    if (relay->client) next = std::min(next, relay->client->next_deadline());
  }
  return next;
}

void Relays::handle_timeout(Now now, Inbox& inbox, MeshEffects& out) {
  for (const auto& relay : relays_) {
    if (relay->renew_at <= now.steady) {
      relay->renew_at = Instant::never();
      relay->ticket_stale = true;
      relay->ask_ticket_at = now.steady;
    }
    if (relay->client && relay->client->next_deadline() <= now.steady) {
      relay->client->handle_timeout(now, relay->output);
      take(now, *relay, inbox, out);
    }
    if (relay->retry_at <= now.steady) connect(now, *relay, out);
  }
}

}  // namespace culvert::agent
