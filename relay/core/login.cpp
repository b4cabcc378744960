// Admits clients: checks the sealed ClientInfo, its challenge and its ticket.
#include "proto/derp/login.hpp"

#include "relay/core/parts.hpp"

namespace culvert::relay {
namespace {

// The end of a ticket is checked at least this often, since the wall clock may be changed.
constexpr std::chrono::seconds kTicketCheck = 1h;

Instant next_check(Now now, const Connection& connection) {
  return now.steady + std::min(kTicketCheck, connection.until - now.wall);
}

}  // namespace

void Core::Parts::log_in(Now now, Connection& connection, const derp::Frame& frame) {
  Status admitted = fail(ErrorCode::kInvalid, "a frame before the login");
  if (frame.type == derp::FrameType::kClientInfo) {
    const auto opened = derp::open_client_info(frame.payload, options.key);
    admitted = opened ? admit(now, connection, *opened) : Status(fail_with(opened.error()));
  }
  if (admitted && logged_in >= options.max_connections) {
    ++counters.connections_refused;
    return close(connection, {ErrorCode::kExhausted, "the relay is full"}, "the relay is full");
  }
  if (!admitted) {
    ++counters.logins_refused;
    return close(connection, admitted.error(), "login refused: " + admitted.error().message);
  }
  enter(now, connection);
}

Status Core::Parts::admit(Now now, Connection& connection, const derp::OpenedClientInfo& opened) {
  connection.key = opened.client;
  connection.answers_pings = opened.info.can_ack_pings;
  if (options.open) {
    connection.any_peer = true;
    limit(connection, 0);
    return {};
  }
  if (opened.info.ticket.empty()) {
    return fail(ErrorCode::kDenied, "this relay admits ticket holders only");
  }
  // The challenge binds the box to this connection: the client made the box after our 32 random
  // bytes, within kLoginTimeout.
  if (opened.info.challenge != connection.challenge || connection.login_by <= now.steady) {
    return fail(ErrorCode::kUnverified, "the login answers another challenge");
  }
  return apply_ticket(now, connection, opened.info.ticket);
}

Status Core::Parts::apply_ticket(Now now, Connection& connection, std::string_view ticket) {
  if (!verifier) return fail(ErrorCode::kDenied, "this relay accepts no tickets yet");
  if (ticket.size() > derp::kMaxTicketSize) return fail(ErrorCode::kInvalid, "ticket too long");
  auto facts = verifier(view(ticket), now);
  if (!facts) return fail_with(facts.error());
  if (facts->client != connection.key) {
    return fail(ErrorCode::kDenied, "the ticket belongs to another key");
  }
  if (facts->until <= now.wall) return fail(ErrorCode::kStale, "the ticket has expired");
  if (facts->peers.size() > derp::kMaxTicketPeers) {
    return fail(ErrorCode::kExhausted, "the ticket names too many peers");
  }
  connection.ticket = ticket;
  connection.peers = std::move(facts->peers);
  std::sort(connection.peers.begin(), connection.peers.end());
  connection.until = facts->until;
  limit(connection, facts->bytes_per_second);
  connection.ticket_check = next_check(now, connection);
  return {};
}

void Core::Parts::limit(Connection& connection, std::uint64_t bytes_per_second) {
  const auto rate = bytes_per_second != 0 ? bytes_per_second : options.bytes_per_second;
  if (connection.rate.per_second() != rate) {  // a renewal with the same rate refills nothing
    connection.rate = ByteRate(rate);
  }
}

void Core::Parts::enter(Now now, Connection& connection) {
  ++counters.logins;
  connection.logged_in = true;
  connection.reader.take_all();
  strangers.leave(connection.id);
  ++logged_in;
  effects.logged_in.push_back(connection.id);
  connection.login_by = Instant::never();
  const auto jitter = rng.below(static_cast<std::uint64_t>(kKeepAliveJitter.count()) + 1U);
  connection.keep_alive = now.steady + kKeepAlive + Duration(static_cast<std::int64_t>(jitter));
  if (connection.answers_pings) connection.silence_check = now.steady + kPingAfter;
  arm(connection);
  auto& same_key = clients[connection.key];
  same_key.push_back(connection.id);
  if (same_key.size() > kMaxSameKey) {
    close(*find(same_key.front()), {ErrorCode::kConflict, "the key has logged in too often"});
  }
  derp::ServerInfo info;
  if (connection.rate.limited()) {
    info.bytes_per_second = connection.rate.per_second();
    info.burst_bytes = connection.rate.burst();
  }
  const auto sealed = derp::seal_server_info(info, options.key, connection.key, rng);
  queue_own(connection, derp::FrameType::kServerInfo, {sealed});
}

// A renewal that fails changes nothing: the present ticket stays valid until its own end.
void Core::Parts::renew(Now now, Connection& connection, std::string_view ticket) {
  if (connection.any_peer) return;
  if (const auto applied = apply_ticket(now, connection, ticket); !applied) {
    ++counters.tickets_refused;
    const auto why = "ticket refused: " + applied.error().message;
    return queue_own(connection, derp::FrameType::kHealth, {view(why)});
  }
  ++counters.tickets_renewed;
  arm(connection);
}

void Core::Parts::check_ticket_time(Now now, Connection& connection) {
  if (connection.any_peer) return;
  if (now.wall >= connection.until) {
    ++counters.tickets_expired;
    return close(connection, {ErrorCode::kStale, "the ticket has expired"},
                 "the ticket has expired");
  }
  connection.ticket_check = next_check(now, connection);
}

}  // namespace culvert::relay
