// One connection to a relay, without its socket: bytes and time in; bytes for the relay and events
// out. The connection has passed the HTTP upgrade (or WebSocket) before; the first frame is the
// relay's ServerKey. Once ready(), the owner sends packets as kSendPacket frames of at most
// kMaxPacketSize. After a Closed event the Client does nothing more; the owner makes a new one.
//
//   greeting → (ServerKey: pinned key) → login → (ServerInfo) → ready
//
// The Client closes when it is not ready within kLoginTimeout. Once ready, it pings the relay when
// nothing was heard for kKeepalive, and closes when nothing was heard for kDeadAfter: a relay that
// has vanished sends no FIN.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/derp/login.hpp"
#include "proto/derp/payload.hpp"

namespace culvert::derp {

inline constexpr Duration kKeepalive = 10s;
inline constexpr Duration kDeadAfter = 24s;  // works with stock relays: they answer pings, too

struct Ready {
  ServerInfo server;
};
struct Received {  // ClientOutput::packet() gives the bytes
  crypto::RelayKey source;
  std::size_t offset = 0;
  std::size_t size = 0;
};
struct PongEvent {
  Duration round_trip{};
};
struct HealthEvent {  // empty: healthy again
  std::string text;
};
struct Closed {  // the last event; the owner closes the connection
  Error reason;
};
using ClientEvent =
    std::variant<Ready, Received, PeerGone, PongEvent, HealthEvent, Restarting, Closed>;

// Calls of a Client append to this. The owner clears it after use.
struct ClientOutput {
  Bytes wire;  // to the relay, in order
  std::vector<ClientEvent> events;
  Bytes packets;  // storage of the Received events

  MutableByteView packet(const Received& received) {
    return MutableByteView(packets).subspan(received.offset, received.size);
  }
  bool empty() const { return wire.empty() && events.empty(); }
  void clear() {
    wire.clear();
    events.clear();
    packets.clear();
  }
};

struct ClientOptions {
  crypto::RelayKey relay;  // pinned: another key in ServerKey ends the connection
  RelayKeyPair key;
  // Called once, after the relay's greeting. Returns the ticket's text, or nothing for an open
  // relay. A relay that sent no challenge gets no ticket.
  std::function<std::string()> ticket;
};

class Client {
 public:
  // `rng` outlives the client. `now`: the time at which the connection was upgraded.
  Client(ClientOptions options, Rng& rng, Now now);

  void handle_bytes(Now now, ByteView bytes, ClientOutput& out);
  void handle_timeout(Now now, ClientOutput& out);
  Instant next_deadline() const;

  // Sends a new ticket on the present connection. Before Ready it does nothing: the login asks for
  // the latest ticket anyway.
  void renew_ticket(std::string_view ticket, ClientOutput& out);
  void note_preferred(bool preferred, ClientOutput& out);  // true: this relay is our home
  void ping(Now now, ClientOutput& out);  // PongEvent follows; a later ping replaces an earlier one

  bool ready() const { return state_ == State::kReady; }
  const crypto::RelayKey& relay() const { return options_.relay; }
  std::uint64_t skipped_frames() const { return reader_.skipped(); }

 private:
  enum class State { kGreeting, kLogin, kReady, kClosed };

  bool handle_frame(Now now, const Frame& frame, ClientOutput& out);
  Status log_in(const Frame& frame, ClientOutput& out);
  void handle_ready_frame(Now now, const Frame& frame, ClientOutput& out);
  void heard(Now now);
  void close(Error reason, ClientOutput& out);

  ClientOptions options_;
  Rng& rng_;
  FrameReader reader_;
  State state_ = State::kGreeting;
  Instant dead_at_;                     // closes then, unless something is heard before
  Instant ping_at_ = Instant::never();  // pings then, unless something is heard before
  PingData ping_data_{};
  std::optional<Instant> ping_sent_;
};

}  // namespace culvert::derp
