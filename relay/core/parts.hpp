// The inside of Core: the tables, and the handling of frames. core.cpp has connections and time,
// login.cpp admits clients, forward.cpp forwards packets.
#pragma once

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/core/deadlines.hpp"
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
  Room strangers{max_strangers(), max_strangers(), rng};  // connections before their login
  std::size_t logged_in = 0;                              // number of connections after their login
  // The logged-in connections of each key. The last one is active: the last to log in or to send.
  std::unordered_map<crypto::RelayKey, std::vector<ConnectionId>> clients;
  Deadlines<ConnectionId, Connection*> timers;
  std::vector<ConnectionId> doomed;

  std::size_t max_strangers() const {
    return std::clamp<std::size_t>(options.max_connections, 1, kMaxStrangers);
  }
  Connection* find(ConnectionId id);
  void arm(Connection& connection);   // after a deadline of the connection changed
  void list(Connection& connection);  // adds to Effects::writable: there are frames to pull
  // Takes the connection out of every table except `connections`: sweep() erases it there at the
  // end of the call, since the connection's reader may be running. Sends `last_words` as Health.
  void close(Connection& connection, Error reason, std::string_view last_words = {});
  void sweep();
  bool handle_frame(Now now, Connection& from, const derp::Frame& frame);  // false: now closed
  void handle_due(Now now, Connection& connection);
  void check_silence(Now now, Connection& connection);

  // login.cpp
  void log_in(Now now, Connection& connection, const derp::Frame& frame);
  Status admit(Now now, Connection& connection, const derp::OpenedClientInfo& opened);
  Status apply_ticket(Now now, Connection& connection, std::string_view ticket);
  void limit(Connection& connection, std::uint64_t bytes_per_second);
  void enter(Now now, Connection& connection);
  void renew(Now now, Connection& connection, std::string_view ticket);
  void check_ticket_time(Now now, Connection& connection);

  // forward.cpp
  Connection* active(const crypto::RelayKey& key);
  void make_active(const Connection& connection);
  void forward(Now now, Connection& from, const derp::Packet& packet);
  void tell_not_here(Now now, Connection& to, const crypto::RelayKey& peer);
  void queue_packet(Now now, Connection& to, const crypto::RelayKey& source, ByteView packet);
  void queue_own(Connection& to, derp::FrameType type, std::initializer_list<ByteView> parts);
  void leave(const Connection& connection);  // leaves `clients`; sends PeerGone to correspondents
};

}  // namespace culvert::relay
