// The inside of Core: the tables and what is done with a frame. core.cpp has connections and time,
// login.cpp who is admitted, forward.cpp who hears whom.
#pragma once

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/core/rng.hpp"
#include "proto/core/room.hpp"
#include "relay/core/connection.hpp"
#include "relay/core/core.hpp"

namespace culvert::relay {

struct Core::Parts {
  Parts(Options with, derp::TicketVerifier checks, Rng& random)
      : options(std::move(with)), verifier(std::move(checks)), rng(random) {}

  Options options;
  derp::TicketVerifier verifier;
  Rng& rng;
  Counters counters;
  Effects effects;
  bool restarting = false;
  std::unordered_map<ConnectionId, Connection> connections;
  Room strangers{max_strangers(), max_strangers(), rng};  // of connections
  std::size_t logged_in = 0;                              // the other connections
  // Connections of each key that is logged in, the active one (last to log in or to send) last.
  std::unordered_map<crypto::RelayKey, std::vector<ConnectionId>> clients;
  std::set<std::pair<Instant, ConnectionId>> timers;
  std::vector<ConnectionId> doomed;

  std::size_t max_strangers() const {
    return std::clamp<std::size_t>(options.max_connections, 1, kMaxStrangers);
  }
  Connection* find(ConnectionId id);
  void arm(Connection& connection);   // after one of its deadlines changed
  void list(Connection& connection);  // it has something to pull
  // Takes it out of every table but `connections`, whence sweep() erases it when the call is done
  // (its own reader may be running). `last_words` go to the client as Health.
  void close(Connection& connection, Error reason, std::string_view last_words = {});
  void sweep();
  bool handle_frame(Connection& from, const derp::Frame& frame, Now now);  // false: closed
  void handle_due(Connection& connection, Now now);
  void check_silence(Connection& connection, Now now);

  // login.cpp
  void log_in(Connection& connection, const derp::Frame& frame, Now now);
  Status admit(Connection& connection, const derp::OpenedClientInfo& opened, Now now);
  Status apply_ticket(Connection& connection, std::string_view ticket, Now now);
  void limit(Connection& connection, std::uint64_t bytes_per_second);
  void enter(Connection& connection, Now now);
  void renew(Connection& connection, std::string_view ticket, Now now);
  void check_ticket_time(Connection& connection, Now now);

  // forward.cpp
  Connection* active(const crypto::RelayKey& key);
  void make_active(const Connection& connection);
  void forward(Connection& from, const derp::Packet& packet, Now now);
  void tell_not_here(Connection& to, const crypto::RelayKey& peer, Now now);
  void queue_packet(Connection& to, const crypto::RelayKey& source, ByteView packet, Now now);
  void queue_own(Connection& to, derp::FrameType type, std::initializer_list<ByteView> parts);
  void leave(const Connection& connection);  // out of `clients`; its correspondents are told
};

}  // namespace culvert::relay
