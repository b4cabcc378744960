// Packets: between this node's own stack and its peers, and the paths to the peers. Mesh knows
// which flows may pass from its Permits, and asks the Gate about each flow that begins.
//
// Out: handle_packets() → filter → WireGuard → transmit() → prober: UDP, relay, or both → effects.
// In: handle_datagrams(), handle_relay_bytes() → WireGuard (STUN and disco: prober) → filter →
// effects → this node's stack.
#pragma once

#include <map>
#include <set>
#include <span>

#include "agent/mesh/effects.hpp"
#include "agent/mesh/filter.hpp"
#include "agent/mesh/known_peer.hpp"
#include "agent/mesh/options.hpp"
#include "agent/mesh/pings.hpp"
#include "agent/mesh/process_tag.hpp"
#include "agent/mesh/relays.hpp"
#include "agent/mesh/views.hpp"
#include "agent/terms/gate.hpp"
#include "agent/terms/permits.hpp"
#include "proto/path/prober.hpp"
#include "proto/wireguard/device.hpp"

namespace culvert::agent {

class Mesh {
 public:
  // `gate` and `rng` outlive the Mesh.
  Mesh(MeshOptions options, MeshKeys keys, Gate& gate, Rng& rng, Now now);

  // Inputs. Datagrams are decrypted in place. Packets are from this node's own stack; a packet with
  // room is sealed in its memory, which must live until the next drain()'s datagrams are sent.
  void handle_datagrams(Now now, std::span<const Datagram> batch);
  void handle_packets(Now now, std::span<const RoomyPacket> packets);
  void handle_local_endpoints(Now now, std::vector<Endpoint> endpoints);
  void handle_stun_servers(Now now, const std::string& host, std::vector<Endpoint> addresses);
  void handle_send_error(Now now, const Endpoint& to);
  void handle_relay_open(Now now, ConnectionId id);
  void handle_relay_bytes(Now now, ConnectionId id, ByteView bytes);
  void handle_relay_closed(Now now, ConnectionId id, const std::string& reason);
  void pull_relay(Now now, ConnectionId id, std::size_t room, Bytes& out);
  void handle_ticket(Now now, const std::string& relay, std::string note, WallTime until);
  void handle_timeout(Now now);
  Instant next_deadline() const;

  // What Access has decided. `plan`: the relays to use from now on; nothing: the relays stay.
  void apply(Now now, const Permits& permits, std::optional<RelayPlan> plan);
  const Silent& find_silent(Now now);
  bool take_news() { return std::exchange(news_, false); }  // true once: a peer or a relay changed
  // The tickets are stale, and STUN servers may have moved.
  void coordinator_connected(Now now, std::optional<RelayPlan> plan);
  std::vector<std::string> tickets_due(Now now) { return relays_.tickets_due(now); }
  void stop(Now now);  // resets each connection at both ends; a site agent tells its devices
  void ping(Now now, const crypto::WireGuardKey& peer, Done<PingResult> done);
  // The last step of each call of the owner: sends what the device and the prober have put out.
  void transmit(Now now);
  void answer_pings() { pings_.finish(); }  // calls the owners of the pings that are answered
  std::vector<MeshEvent> take_events() { return std::exchange(effects_.events, {}); }
  void drain(Packets& into) { std::swap(into, static_cast<Packets&>(effects_)); }
  std::vector<PeerView> peers(Now now) const;
  MeshCounters counters(Now now) const;
  bool is_direct(Now now, const crypto::WireGuardKey& peer) const;
  bool has_stopped(const crypto::WireGuardKey& peer) const;  // said that it stops, and is not back
  bool is_ready(Now now, const crypto::WireGuardKey& peer, const crypto::RelayKey& relay) const;
  std::string home_relay() const { return relays_.home(); }  // empty: none is ready
  const std::optional<std::string>& relay_error() const { return relay_error_; }

 private:
  // data.cpp
  void receive(Now now);  // the datagrams in `incoming_`
  void relayed(Now now, Relays::Inbox& inbox);
  bool may_come(const Way& from) const;
  void tell_too_big(Now now, const ip::PacketView& packet);
  void send(Now now, const Datagram& datagram);
  void watch_opening(const ip::PacketView& packet);
  void watch_answer(Now now, const ip::PacketView& packet);
  // ends.cpp
  void refuse(const Filter::Packet& packet);
  void refuse_peer(Now now, const crypto::WireGuardKey& from, const ip::PacketView& packet);
  void end(Now now, const Permit& permit, const std::string& why);
  void reset(const std::vector<Filter::Cut>& flows);
  void tell_peer(Now now, const std::vector<Filter::Cut>& flows);
  void watch_process(const wireguard::Received& packet);
  void peer_stopped(Now now, const crypto::WireGuardKey& key);
  // peers.cpp
  void apply_flows(Now now, const Permits& next);
  void apply_peers(Now now, const PeerSet& needed);
  void add_peer(Now now, const KnownPeer& peer, const KnownPeer* before);
  bool use_relays(RelayPlan plan);  // true: they differ from those before
  void resolve_stun();
  void log(LogLevel level, std::string event, std::string detail = {});

  MeshOptions options_;
  Gate& gate_;
  MeshEffects effects_;
  Filter filter_;
  std::set<Permit> permits_;
  std::map<crypto::WireGuardKey, KnownPeer> peers_;
  std::map<crypto::RelayKey, crypto::WireGuardKey> by_relay_key_;  // of peers that own a relay key
  wireguard::Device device_;
  path::Prober prober_;
  path::ProberOutput paths_;
  ProcessTag process_;  // of this process
  ConnectionId last_connection_ = 0;
  Relays relays_;
  std::map<std::string, std::vector<Endpoint>> stun_;  // relay host → its STUN servers
  std::optional<std::string> relay_error_;             // the last one
  Pings pings_;
  Silent silent_;
  std::map<crypto::WireGuardKey, Instant> stopped_;  // when a peer announced its stop
  std::vector<Datagram> incoming_;
  std::vector<RoomyPacket> passed_;  // used in one call of handle_packets(), kept for its memory
  bool unclaimed_ = false, news_ = false, stopping_ = false;
  Instant too_big_full_;  // the token bucket of "packet too big" answers is full again then
  Instant sweep_at_;
};

}  // namespace culvert::agent
