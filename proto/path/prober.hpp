// Finds and watches the paths to each peer: UDP endpoints where NATs allow, else the relay.
//
// A pair of nodes is silent until the owner calls route() for the peer. Then the Prober:
//   - asks STUN servers for our reflexive endpoints, unless the last answer is fresh;
//   - sends the peer our endpoints through its relay (CallMeMaybe);
//   - pings all known endpoints of the peer; a Pong makes a path.
// The best path is used and pinged every kHeartbeat. It is trusted for kTrustPath after its last
// Pong; while it is not trusted, data goes to the relay as well. Nothing is sent for a peer that
// has not been used for kSessionIdle. An idle node still answers Pings and one CallMeMaybe, so
// that a path is found when only one side needs it.
//
// Pure: every input has the time; the owner drains the outputs; one thread. Only the owner admits
// peers: messages under an unknown disco key are counted and not answered.
//
// A node's statement claims a disco key, and nothing proves the claim before a message comes. Where
// several peers claim one key, each message is assigned by the content of its box (the node of a
// Ping, the question of a Pong) or by the sender that the relay names, so that a peer that claims
// another peer's key takes no messages away. A datagram costs the same for any number of peers.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "proto/core/deadlines.hpp"
#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/path/prober_types.hpp"

namespace culvert::path {

class PeerPaths;
class Reflexive;
struct PathContext;

struct ProberOptions {
  bool allow_loopback = false;  // 127/8 and ::1 as candidates, ours and the peers'
  bool direct = true;           // false: relay only; no candidates, no CallMeMaybe
};

class Prober {
 public:
  Prober(ProberOptions options, crypto::KeyPair<crypto::DiscoKey> ours, crypto::WireGuardKey node,
         Rng& rng);
  ~Prober();

  // kInvalid: the peer's disco key is no valid key. Adding a known node again updates the peer.
  Status add_peer(Instant now, const PeerInfo& peer);
  void remove_peer(const crypto::WireGuardKey& node);

  // Our interfaces' addresses with our UDP port. A different set than before is a link change: all
  // paths are dropped and searched for again.
  void set_local_endpoints(Instant now, std::vector<Endpoint> endpoints);
  void set_stun_servers(Instant now, std::vector<Endpoint> servers);
  void relay_connected(Instant now, RelayIndex relay);  // sends the CallMeMaybes that waited

  static bool is_ours(ByteView datagram);                       // STUN or disco
  void handle_datagram(Instant now, const Datagram& datagram);  // through a relay: disco alone
  void handle_send_error(Instant now, const Endpoint& to);      // the system refused this endpoint
  Instant next_deadline() const { return deadline_; }
  void handle_timeout(Instant now);

  // Where the next datagrams to the peer go. Each call counts as use of the pair.
  Route route(Instant now, const crypto::WireGuardKey& node);
  // Pings through the relay and through the direct path, if any. Counts as use of the pair.
  PingId ping(Instant now, const crypto::WireGuardKey& node);
  PathStatus status(Instant now, const crypto::WireGuardKey& node) const;
  // The size of datagram that every direct path in use carries; kFullSize when no path is smaller.
  std::size_t smallest() const { return sizes_.empty() ? kFullSize : sizes_.begin()->first; }
  // Our endpoints, as CallMeMaybe lists them: local ones, then reflexive ones.
  std::vector<Endpoint> endpoints() const;
  std::optional<bool> mapping_varies() const;  // known after two servers have answered

  void drain(ProberOutput& into);  // replaces the content of `into`
  const ProberCounters& counters() const;

 private:
  struct Peer;
  Peer* by_node(const crypto::WireGuardKey& node) const;
  void touched(Instant now, Peer& peer);  // ends every call that may have changed the peer
  void all_touched(Instant now);
  void forget(Peer& peer);  // removes the peer from by_disco_, due_ and sizes_
  void handle_disco(Instant now, const Datagram& datagram);
  void endpoints_changed(Instant now);
  void ask_where_we_are(Instant now);
  bool any_active(Instant now) const { return now < active_until_; }
  void reschedule(Instant now);

  crypto::KeyPair<crypto::DiscoKey> ours_;
  std::unique_ptr<PathContext> context_;
  std::unique_ptr<Reflexive> reflexive_;
  std::unordered_map<crypto::WireGuardKey, std::unique_ptr<Peer>> peers_;
  std::unordered_map<crypto::DiscoKey, std::vector<Peer*>> by_disco_;  // in the order of add_peer()
  Deadlines<crypto::WireGuardKey, Peer*> due_;
  std::map<std::size_t, std::size_t> sizes_;  // size below kFullSize → number of paths
  Instant active_until_;                      // the latest active_until() of all peers
  std::vector<Endpoint> local_;
  PingId last_ping_ = 0;
  Instant deadline_ = Instant::never();
};

}  // namespace culvert::path
