// The connections to the relays that this node keeps (relay_rules.hpp chooses them). For each
// relay: ask for a ticket, connect, log in, renew the ticket.
//   idle ── wanted ──▶ needs ticket ──▶ connecting ──▶ login ──▶ ready
//     ▲ waiting (proto/core/backoff.hpp) ◀── closed, refused ──┘
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/mesh/effects.hpp"
#include "agent/mesh/relay_rules.hpp"
#include "proto/core/backoff.hpp"
#include "proto/core/rng.hpp"
#include "proto/derp/client.hpp"
#include "proto/derp/frame_queue.hpp"

namespace culvert::agent {

class Relays {
 public:
  static constexpr std::size_t kMaxNotHere = 1024;      // absent peers remembered for each relay
  static constexpr std::size_t kMaxOwn = 64 * 1024;     // bytes waiting; with more it is closed
  static constexpr std::size_t kMaxDisco = 32;          // packets, as at the relay
  static constexpr std::size_t kMaxData = 1024 * 1024;  // bytes a relay; the oldest packets go
  static constexpr Duration kMaxRestart = 30s;          // the longest wait that a relay may ask for
  static constexpr Duration kTicketRetry = 3s;  // a ticket without an answer is asked for again
  struct Inbox {
    std::vector<Datagram> packets;  // each way is a RelayWay; the bytes: valid until the next call
    std::vector<RelayIndex> ready;  // relays that became usable
    std::optional<std::string> refused;  // the last relay that ended a login, and why
  };

  Relays(derp::RelayKeyPair key, Rng& rng, ConnectionId& last_connection);

  bool set_map(std::vector<RelayUse> map, MeshEffects& out);  // true: the map has changed
  // Sets the peers whose site names its relays: packets for such a peer use no other relay.
  void set_met_at(std::map<crypto::RelayKey, RelayIds> met_at) { met_at_ = std::move(met_at); }
  void set_wanted(Now now, bool wanted, MeshEffects& out);
  void pairs_changed(Now now);  // tickets must be asked for anew

  // The relays for which the caller should ask for a ticket now; each once in kTicketRetry.
  std::vector<std::string> tickets_due(Now now);
  void ticket(Now now, const std::string& relay, std::string note, WallTime until,
              MeshEffects& out);

  // True: some ready relay may carry the peer's packets, and all such relays say "not here".
  bool says_gone(const crypto::RelayKey& peer) const;
  void forget_absence(const crypto::RelayKey& peer);
  // Queues the packet for the best relay that is ready, may carry the peer's packets, and has not
  // answered that the peer is not there. False: no such relay, or the packet is too large.
  bool send(Now now, const crypto::RelayKey& to, ByteView packet);
  void flush(Now now, MeshEffects& out);  // adds FlushRelay for each relay with frames to pull
  // Appends frames while `out` has less than `room` bytes: the client's own, disco, then data.
  void pull(Now now, ConnectionId id, std::size_t room, Bytes& out);

  bool handle_open(Now now, ConnectionId id, MeshEffects& out);  // false: `id` is no relay's
  void handle_bytes(Now now, ConnectionId id, ByteView bytes, Inbox& inbox, MeshEffects& out);
  void handle_closed(Now now, ConnectionId id, MeshEffects& out);
  Instant next_deadline() const;
  void handle_timeout(Now now, Inbox& inbox, MeshEffects& out);

  std::string name_of(RelayIndex relay) const;  // as in the coordinator's relay map
  std::size_t held_bytes() const;               // received packets that are still stored
  std::string home() const;                     // the first relay that is ready; empty: none
  // The first relay that is ready and may carry the peer's packets; empty: none.
  std::string home_for(const crypto::RelayKey& peer) const;
  std::optional<RelayIndex> index_for(const crypto::RelayKey& peer) const;  // of home_for(peer)
  Instant ready_since(const crypto::RelayKey& peer) const;  // of home_for(peer); zero: no relay
  const std::vector<RelayUse>& map() const { return map_; }

 private:
  enum class State { kIdle, kConnecting, kOpen, kWaiting };
  struct Relay {
    RelayUse use;
    RelayIndex index;
    State state = State::kIdle;
    ConnectionId connection = 0;
    std::unique_ptr<derp::Client> client;
    derp::ClientOutput output;  // the bytes of `wire` wait here until pull()
    derp::FrameQueue disco;
    derp::PacketQueue data;
    std::string ticket;
    WallTime ticket_until;
    bool ticket_stale = true;  // the pairs have changed since the ticket, or it ends soon
    Instant ask_ticket_at;     // a ticket is not asked for before this time
    Instant renew_at = Instant::never();
    Backoff backoff;
    Duration restart{};  // the wait that the relay asked for when it stopped (Restarting)
    Instant retry_at = Instant::never();
    std::set<crypto::RelayKey> not_here;
    Instant ready_since;
    bool ready() const { return client && client->ready(); }
  };

  RelayIndex index_of(const std::string& name);
  bool carries(const Relay& relay, const crypto::RelayKey& peer) const;
  const Relay* ready_for(const crypto::RelayKey& peer) const;
  Relay* by_connection(ConnectionId id);
  Relay* by_name(const std::string& id);
  void connect(Now now, Relay& relay, MeshEffects& out);
  void drop(Relay& relay, MeshEffects& out);
  void wait(Now now, Relay& relay);
  void take(Now now, Relay& relay, Inbox& inbox, MeshEffects& out);

  derp::RelayKeyPair key_;
  Rng& rng_;
  ConnectionId& last_connection_;
  std::vector<RelayUse> map_;
  std::map<crypto::RelayKey, RelayIds> met_at_;
  std::vector<std::unique_ptr<Relay>> relays_;
  RelayIndex last_index_;
  bool wanted_ = false;
  Bytes received_;  // the memory of Inbox::packets
};

}  // namespace culvert::agent
