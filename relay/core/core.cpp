#include "relay/core/core.hpp"

#include <algorithm>
#include <limits>

#include "relay/core/parts.hpp"

namespace culvert::relay {

Core::Core(Options options, derp::TicketVerifier verifier, Rng& rng)
    : parts_(std::make_unique<Parts>(std::move(options), std::move(verifier), rng)) {}
Core::~Core() = default;

void Core::handle_open(Now now, ConnectionId id) {
  auto& p = *parts_;
  if (p.restarting) {
    ++p.counters.connections_refused;
    p.effects.closes.push_back({id, {ErrorCode::kExhausted, "the relay is restarting"}, {}});
    return;
  }
  if (const auto gone = p.strangers.enter(id, {})) {
    ++p.counters.connections_refused;
    p.close(*p.find(*gone), {ErrorCode::kExhausted, "too many connections without a login"});
    p.sweep();
  }
  ++p.counters.connections_opened;
  auto& connection = p.connections[id];
  connection.id = id;
  connection.reader.take_only(derp::FrameType::kClientInfo);
  connection.challenge.bytes = p.rng.array<derp::kChallengeSize>();
  connection.login_by = now.steady + derp::kLoginTimeout;
  p.arm(connection);
  Bytes greeting;
  derp::write_server_key(greeting, p.options.key.public_key, &connection.challenge);
  connection.own.push(greeting, 1);
  p.list(connection);
}

void Core::handle_bytes(Now now, ConnectionId id, ByteView bytes) {
  auto& p = *parts_;
  auto* connection = p.find(id);
  if (connection == nullptr) return;
  connection->heard = now.steady;
  const auto skipped = connection->reader.skipped();
  const auto fed = connection->reader.feed(
      bytes, [&](const derp::Frame& frame) { return p.handle_frame(now, *connection, frame); });
  p.counters.frames_skipped += connection->reader.skipped() - skipped;
  if (!fed) {
    const bool early = fed.error().code == ErrorCode::kDenied;
    ++(early ? p.counters.logins_refused : p.counters.malformed);
    p.close(
        *connection, fed.error(),
        early ? "login refused: a frame before the login" : std::string_view(fed.error().message));
  }
  p.sweep();
}

void Core::handle_closed(Now /*now*/, ConnectionId id) {
  auto& p = *parts_;
  auto* connection = p.find(id);
  if (connection == nullptr) return;
  p.close(*connection, {});
  p.effects.closes.pop_back();  // the shell has reported the end itself
  p.sweep();
}

void Core::handle_timeout(Now now) {
  auto& p = *parts_;
  while (Connection* connection = p.timers.first_due(now.steady)) {
    p.handle_due(now, *connection);
    if (!connection->closing) p.arm(*connection);
  }
  p.sweep();
}

Instant Core::next_deadline() const { return parts_->timers.next(); }

void Core::drain(Effects& into) {
  into.clear();
  std::swap(into, parts_->effects);
  for (const auto id : into.writable) {
    if (auto* connection = parts_->find(id)) connection->listed = false;
  }
}

void Core::pull(Now now, ConnectionId id, std::size_t room, Bytes& out) {
  auto& p = *parts_;
  auto* connection = p.find(id);
  if (connection == nullptr) return;
  auto moved = connection->own.pull(room, out) + connection->disco.pull(room, out);
  const auto data = connection->data.pull(now.steady, room, out);
  moved += data.bytes;
  p.counters.dropped_late += data.dropped;
  p.counters.bytes_sent += moved;
  if (connection->queues_empty()) {
    connection->stalled = Instant::never();
  } else if (moved > 0 || connection->stalled == Instant::never()) {
    connection->stalled = now.steady + kWriteStall;
  }
  p.arm(*connection);
}

void Core::recheck_tickets(Now now) {
  auto& p = *parts_;
  for (auto& [id, connection] : p.connections) {
    if (!connection.logged_in || connection.any_peer || connection.closing) continue;
    const auto ticket = connection.ticket;
    if (const auto valid = p.apply_ticket(now, connection, ticket); !valid) {
      p.close(connection, valid.error(), "ticket no longer valid: " + valid.error().message);
    }
  }
  p.sweep();
}

void Core::begin_restart(Now /*now*/, Duration reconnect_within, Duration try_for) {
  auto& p = *parts_;
  p.restarting = true;
  const auto ms = [](Duration d) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
  };
  for (auto& [id, connection] : p.connections) {
    if (!connection.logged_in) continue;
    Bytes frame;  // a random delay for each client spreads their return
    derp::write_restarting(
        frame, static_cast<std::uint32_t>(p.rng.below(ms(reconnect_within) + 1U)), ms(try_for));
    connection.own.push(frame, 1);
    p.list(connection);
  }
}

bool Core::idle() const {
  return std::all_of(parts_->connections.begin(), parts_->connections.end(),
                     [](const auto& entry) { return entry.second.queues_empty(); });
}

const crypto::RelayKey& Core::public_key() const { return parts_->options.key.public_key; }
const Counters& Core::counters() const { return parts_->counters; }
std::size_t Core::connection_count() const { return parts_->connections.size(); }
std::size_t Core::client_count() const { return parts_->clients.size(); }

Connection* Core::Parts::find(ConnectionId id) {
  const auto found = connections.find(id);
  return found == connections.end() ? nullptr : &found->second;
}

void Core::Parts::arm(Connection& connection) {
  timers.set(connection.id, &connection, connection.timer, connection.next());
}

void Core::Parts::list(Connection& connection) {
  if (connection.listed) return;
  connection.listed = true;
  effects.writable.push_back(connection.id);
}

void Core::Parts::close(Connection& connection, Error reason, std::string_view last_words) {
  if (connection.closing) return;
  connection.closing = true;
  if (!last_words.empty()) queue_own(connection, derp::FrameType::kHealth, {view(last_words)});
  Close last{connection.id, std::move(reason), {}};
  counters.bytes_sent += connection.own.pull(std::numeric_limits<std::size_t>::max(), last.last);
  effects.closes.push_back(std::move(last));
  timers.forget(connection.id, connection.timer);
  if (connection.logged_in) {
    --logged_in;
    leave(connection);
  } else {
    strangers.leave(connection.id);
  }
  doomed.push_back(connection.id);
}

void Core::Parts::sweep() {
  for (const auto id : doomed) connections.erase(id);
  doomed.clear();
}

bool Core::Parts::handle_frame(Now now, Connection& from, const derp::Frame& frame) {
  using derp::FrameType;
  if (!from.logged_in) {
    log_in(now, from, frame);
    return !from.closing;
  }
  switch (frame.type) {
    case FrameType::kSendPacket:
      forward(now, from, derp::read_packet(frame.payload));
      break;
    case FrameType::kPing:
      queue_own(from, FrameType::kPong, {frame.payload.first(sizeof(derp::PingData))});
      break;
    case FrameType::kTicket:
      renew(now, from, text(frame.payload));
      break;
    case FrameType::kPong:
    case FrameType::kKeepAlive:
    case FrameType::kNotePreferred:
      break;  // the relay ignores these frames
    case FrameType::kServerKey:
    case FrameType::kClientInfo:
    case FrameType::kServerInfo:
    case FrameType::kRecvPacket:
    case FrameType::kPeerGone:
    case FrameType::kPeerPresent:
    case FrameType::kForwardPacket:
    case FrameType::kWatchConns:
    case FrameType::kClosePeer:
    case FrameType::kHealth:
    case FrameType::kRestarting:
      ++counters.malformed;
      close(from, {ErrorCode::kDenied, "a frame that clients may not send"},
            "a frame that clients may not send");
      break;
  }
  return !from.closing;
}

// Runs at deadlines and compares `heard`, so that a received packet needs no change of a timer.
void Core::Parts::check_silence(Now now, Connection& connection) {
  const auto silent = now.steady - connection.heard;
  if (silent >= kDeadAfter) {
    ++counters.silent;
    return close(connection, {ErrorCode::kTimeout, "it fell silent"});
  }
  connection.silence_check = connection.heard + kPingAfter;
  if (silent < kPingAfter) return;
  queue_own(connection, derp::FrameType::kPing, {derp::PingData{}});
  connection.silence_check = std::min(now.steady + kPingAfter, connection.heard + kDeadAfter);
}

void Core::Parts::handle_due(Now now, Connection& connection) {
  if (connection.login_by <= now.steady) {
    ++counters.logins_refused;
    return close(connection, {ErrorCode::kTimeout, "no login in time"});
  }
  if (connection.stalled <= now.steady) {
    ++counters.stalled;
    return close(connection, {ErrorCode::kTimeout, "it takes no more bytes"});
  }
  if (connection.silence_check <= now.steady) {
    check_silence(now, connection);
    if (connection.closing) return;
  }
  const bool tick = connection.keep_alive <= now.steady;
  if (tick || connection.ticket_check <= now.steady) {
    check_ticket_time(now, connection);
    if (connection.closing || !tick) return;
    queue_own(connection, derp::FrameType::kKeepAlive, {});
    const auto jitter = rng.below(static_cast<std::uint64_t>(kKeepAliveJitter.count()) + 1U);
    connection.keep_alive = now.steady + kKeepAlive + Duration(static_cast<std::int64_t>(jitter));
  }
}

}  // namespace culvert::relay
