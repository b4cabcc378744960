// Finds and watches the ways to each peer: UDP endpoints where NATs allow, else the relay.
//
// A pair is silent until somebody calls route() for it. Then: ask STUN where we are (unless that is
// fresh), send the peer our endpoints through its relay (CallMeMaybe), ping all of its endpoints
// that we know; a Pong makes a path. The quickest path is used and pinged every kHeartbeat; it is
// trusted for kTrustPath after its last Pong, and while it is not, data goes to the relay as well.
// Nothing is sent for a peer that has not been used for kSessionIdle. A peer may answer Pings and
// one CallMeMaybe without being in use itself, so that one side's need is enough.
//
// Pure: every input names the time; outputs are drained by the owner; one thread. Peers are
// admitted by the owner only: messages under any other disco key are counted and not answered.
//
// A disco key is claimed by a node's statement and proven by nothing before a message comes. Where
// several peers claim one, each message goes to the peer that it is from by what stands inside its
// box (the node of a Ping, the question of a Pong) or by the relay's word, so that a peer that has
// copied another's key takes nothing from it. One datagram costs the same however many peers there
// are.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

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

  // kInvalid: its disco key is no key. Adding a known node again updates it.
  Status add_peer(Instant now, const PeerInfo& peer);
  void remove_peer(const crypto::WireGuardKey& node);

  // Our interfaces' addresses with the UDP port. A different set is a link change: all paths are
  // dropped and looked for anew.
  void set_local_endpoints(Instant now, std::vector<Endpoint> endpoints);
  void set_stun_servers(Instant now, std::vector<Endpoint> servers);
  void relay_connected(Instant now, const RelayId& relay);  // sends the CallMeMaybes that wait for a relay

  static bool is_ours(ByteView datagram);  // STUN or disco
  void handle_datagram(Instant now, const Endpoint& from, ByteView datagram);
  void handle_relayed(Instant now, const Via& via, ByteView packet);
  void handle_send_error(Instant now, const Endpoint& to);  // the system refused this endpoint
  Instant next_deadline() const { return deadline_; }
  void handle_timeout(Instant now);

  // For the next datagrams to the peer; calling it is what counts as use.
  Route route(Instant now, const crypto::WireGuardKey& node);
  // Pings through the relay and the direct path, if any; counts as use.
  PingId ping(Instant now, const crypto::WireGuardKey& node);
  PathStatus status(Instant now, const crypto::WireGuardKey& node) const;
  // What every direct path in use carries; kFullSize where there is nothing to mind.
  std::size_t smallest() const { return sizes_.empty() ? kFullSize : sizes_.begin()->first; }
  // Ours, as CallMeMaybe tells them: local, then reflexive.
  std::vector<Endpoint> endpoints() const;
  std::optional<bool> mapping_varies() const;  // known after two servers have answered

  void drain(ProberOutput& into);  // cleared first
  const ProberCounters& counters() const;

 private:
  struct Peer;
  Peer* by_node(const crypto::WireGuardKey& node) const;
  void touched(Instant now, Peer& peer);  // ends every call that may have changed the peer
  void all_touched(Instant now);
  void forget(Peer& peer);  // in the tables below
  void handle_disco(Instant now, const Source& from, ByteView bytes);
  void endpoints_changed(Instant now);
  void ask_where_we_are(Instant now);
  bool any_active(Instant now) const { return now < active_until_; }
  void reschedule(Instant now);

  crypto::KeyPair<crypto::DiscoKey> ours_;
  std::unique_ptr<PathContext> context_;
  std::unique_ptr<Reflexive> reflexive_;
  std::unordered_map<crypto::WireGuardKey, std::unique_ptr<Peer>> peers_;
  std::unordered_map<crypto::DiscoKey, std::vector<Peer*>> by_disco_;  // first come, first in order
  std::set<std::pair<Instant, Peer*>> due_;                            // those with a deadline
  std::map<std::size_t, std::size_t> sizes_;  // paths below kFullSize, by what they carry
  Instant active_until_;                      // the latest of all peers
  std::vector<Endpoint> local_;
  PingId last_ping_ = 0;
  Instant deadline_ = Instant::never();
};

}  // namespace culvert::path
