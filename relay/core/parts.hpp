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
  bool handle_frame(Connection& from, const derp::Frame& frame, Now now);  // false: now closed
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
  void leave(const Connection& connection);  // leaves `clients`; sends PeerGone to correspondents
};

}  // namespace culvert::relay
