// The relay without its sockets: who may log in, who may send to whom, queues, quotas and time.
// Pure; one thread owns it. The shell (or the simulator) names each upgraded connection by an id,
// hands in its bytes, and after each call drains Effects: for every id in `writable` it pulls as
// many frames as its transport takes now, and it closes what `closes` names.
//
//   core.handle_bytes(now, id, bytes);
//   core.drain(effects);
//   for (id : effects.writable) { Bytes out; core.pull(now, id, room(id), out); write(id, out); }
//   for (close : effects.closes) finish(close.id);          // the core has forgotten it already
//   …when a transport has room again: core.pull(now, id, room(id), out)
//
// Queues stay here, bounded, while a transport is slow: the relay's own frames first, then disco
// (kMaxDisco packets), then data (queue_bytes; derp::PacketQueue); a full queue drops its oldest
// packet. A transport that takes nothing for kWriteStall while something waits is closed.
//
// Strangers. A connection is a stranger until its login. There are at most kMaxStrangers (and at
// most max_connections); a further one takes the place of another stranger, chosen at random. A
// connection that is logged in never makes room for a stranger. The shell, which knows addresses,
// gives each source a share as well.
//
// Pairs. With tickets, A reaches B when both hold a ticket that names the other. When A sends to a
// key that A's ticket does not name, A sees no effect, whether that key is connected or not. When
// A's ticket names B, an absent B and a B whose ticket does not name A look the same to A (PeerGone
// "not here").
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/derp/login.hpp"
#include "proto/derp/ticket.hpp"
#include "relay/core/counters.hpp"

namespace culvert::relay {

using ConnectionId = std::uint64_t;

inline constexpr Duration kKeepAlive = 60s;  // between KeepAlive frames, plus a jitter of 0–5 s
inline constexpr Duration kKeepAliveJitter = 5s;
inline constexpr Duration kPingAfter = 10s;  // a client that answers pings is pinged after silence
inline constexpr Duration kDeadAfter = 24s;  // such a client is closed after this much silence
inline constexpr Duration kWriteStall = 10s;
inline constexpr Duration kPeerGoneEvery = 1s;      // least time between "not here" for one peer
inline constexpr std::size_t kMaxDisco = 32;        // queued packets of a connection
inline constexpr std::size_t kMaxOwnFrames = 64;    // pongs, PeerGone, health: more are dropped
inline constexpr std::size_t kMaxSameKey = 4;       // connections of one key; the oldest is closed
inline constexpr std::size_t kMaxStrangers = 1024;  // connections before their login; see Room
inline constexpr std::size_t kMaxCorrespondents = 1024;  // told PeerGone when a client leaves

struct Options {
  derp::RelayKeyPair key;
  // True: every client is admitted without a ticket and reaches all others, as at a stock relay.
  bool open = false;
  std::size_t max_connections = 16'384;  // after the login; strangers have a separate Room
  std::size_t queue_bytes = 256 * 1024;  // data a connection; at least one packet always fits
  std::uint64_t bytes_per_second = 0;    // for a client whose ticket has no rate; 0: no limit
};

struct Close {
  ConnectionId id = 0;
  Error reason;
  Bytes last;  // frames to write before closing: the reason, as Health
};
struct Effects {
  std::vector<ConnectionId> writable;   // connections with frames to pull
  std::vector<ConnectionId> logged_in;  // connections that are no longer strangers
  std::vector<Close> closes;

  void clear() {
    writable.clear();
    logged_in.clear();
    closes.clear();
  }
};

class Core {
 public:
  // `rng` outlives the core. Without a verifier no ticket is valid.
  Core(Options options, derp::TicketVerifier verifier, Rng& rng);
  ~Core();

  void handle_open(Now now, ConnectionId id);  // after the HTTP upgrade; ids are never used again
  void handle_bytes(Now now, ConnectionId id, ByteView bytes);
  void handle_closed(Now now, ConnectionId id);  // the client closed, or the transport failed
  void handle_timeout(Now now);
  Instant next_deadline() const;
  void drain(Effects& into);  // replaces the content of `into`
  // Appends whole frames while `out` has less than `room` bytes (so at most one frame more). Call
  // it with room 0 too: from the frames that stay the core knows that the transport is stalled.
  void pull(Now now, ConnectionId id, std::size_t room, Bytes& out);

  // After the accepted issuers changed: checks all tickets and closes clients whose ticket fails.
  void recheck_tickets(Now now);
  // Sends Restarting to every client and refuses new clients. The shell then ends the process.
  void begin_restart(Now now, Duration reconnect_within, Duration try_for);
  bool idle() const;  // no frame waits in any queue

  const crypto::RelayKey& public_key() const;
  const Counters& counters() const;
  std::size_t connection_count() const;
  std::size_t client_count() const;  // clients that are logged in

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace culvert::relay
