// One connection to a relay, without its socket: bytes and time in; bytes for the relay and events
// out. Packets are sent by the owner, as kSendPacket frames of at most kMaxPacketSize, once
// ready(). Begins after the HTTP upgrade (or WebSocket) with the relay's ServerKey and lives as
// long as the connection; after a Closed event it does nothing more and a new Client takes its
// place.
//
//   greeting → (ServerKey: pinned key) → login → (ServerInfo) → ready
//
// Gives up: 10 s without being ready. Afterwards it pings when nothing was heard for kKeepalive,
// and gives up when nothing was heard for kDeadAfter: a relay that has vanished sends no FIN.
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
inline constexpr Duration kDeadAfter = 24s;  // stock relays answer pings too

struct Ready {
  ServerInfo server;
};
struct Received {  // its bytes: ClientOutput::packet()
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
struct Closed {  // last event; the owner closes the connection
  Error reason;
};
using ClientEvent =
    std::variant<Ready, Received, PeerGone, PongEvent, HealthEvent, Restarting, Closed>;

// Everything a call appends. The owner clears it when it has used it.
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
  // Asked once, when the relay has greeted: the ticket's text, or empty for an open relay. A ticket
  // is only handed to a relay that sent a challenge.
  std::function<std::string()> ticket;
};

class Client {
 public:
  // `rng` outlives the client. `now`: when the connection was upgraded.
  Client(ClientOptions options, Rng& rng, Now now);

  void handle_bytes(Now now, ByteView bytes, ClientOutput& out);
  void handle_timeout(Now now, ClientOutput& out);
  Instant next_deadline() const;

  // A new ticket for the present connection; before Ready nothing (the login fetches the latest).
  void renew_ticket(std::string_view ticket, ClientOutput& out);
  void note_preferred(bool preferred, ClientOutput& out);  // this relay is our home
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
  Instant dead_at_;                     // given up then
  Instant ping_at_ = Instant::never();  // unless something is heard before
  PingData ping_data_{};
  std::optional<Instant> ping_sent_;
};

}  // namespace culvert::derp
