// A WireGuard interface without sockets, clock or threads: handshakes, timers and peers around a
// Lane (lane.hpp), which seals and opens. Batches of inner IP packets and of
// datagrams go in; datagrams and inner IP packets come out. One owner, one thread.
//
//   send()            inner packets → allowed-ips → session → sealed datagrams; a packet without a
//                     session waits (kMaxStaged a peer, then the oldest goes); a handshake starts
//   receive()         datagrams → session → opened packets; handshakes are answered
//   handle_timeout()  due at next_deadline(): retransmissions, keepalives, erasure
//
// Datagrams of strangers are dropped and counted, and have no other effect.
#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/wireguard/device_types.hpp"
#include "proto/wireguard/lane.hpp"
#include "proto/wireguard/lane_feed.hpp"
#include "proto/wireguard/load.hpp"
#include "proto/wireguard/peer.hpp"
#include "proto/wireguard/tombstones.hpp"

namespace culvert::wireguard {

class Device {
 public:
  Device(Identity identity, Rng& rng, DeviceOptions options = {});  // `rng` outlives the device
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // kInvalid: our own key or a low-order point. kConflict: known peer. kExhausted: too many peers.
  Status add_peer(Now now, PeerConfig config);
  bool remove_peer(const crypto::WireGuardKey& key);  // sessions and staged packets go at once
  // False: no such peer (or, for allowed-ips, too many).
  bool set_allowed_ips(const crypto::WireGuardKey& key, std::span<const Prefix> prefixes);
  bool add_allowed_ip(const crypto::WireGuardKey& key, const Prefix& prefix);
  bool remove_allowed_ip(const crypto::WireGuardKey& key, const Prefix& prefix);
  bool set_preshared_key(const crypto::WireGuardKey& key, std::optional<crypto::Secret32> secret);
  bool set_endpoint(const crypto::WireGuardKey& key, const Endpoint& endpoint);
  bool set_persistent_keepalive(Now now, const crypto::WireGuardKey& key, Duration every);
  // The peer has lost its sessions: drops ours and begins a handshake. False: no such peer.
  bool begin_anew(Now now, const crypto::WireGuardKey& key, Output& out);
  void set_mtu(std::size_t mtu);
  // Ends all sessions, also with the present identity. Removes a peer with the new public key.
  void set_identity(Identity identity);

  const crypto::WireGuardKey& public_key() const { return identity_.public_key; }
  bool has_peer(const crypto::WireGuardKey& key) const { return find(key) != nullptr; }
  crypto::Secret32 preshared_key(const crypto::WireGuardKey& key) const;  // zero: none
  std::optional<PeerInfo> peer(const crypto::WireGuardKey& key) const;
  std::vector<PeerInfo> peers() const;
  // The greatest label that the peer sent; kept for the last kMaxTombstones removed peers, too.
  std::optional<Tai64n> last_timestamp(const crypto::WireGuardKey& key) const;
  const Counters& counters() const { return counters_; }
  // send(), receive() and handle_timeout() append to `out`. `packets` may be freed after the call.
  void send(Now now, std::span<const ByteView> packets, Output& out);
  // Seals in the packet's own memory where it has room: kTransportHeaderSize and kTransportTail.
  void send_in_place(Now now, std::span<const RoomyPacket> packets, Output& out);
  void receive(Now now, std::span<Datagram> datagrams, Output& out);
  void handle_timeout(Now now, Output& out);
  Instant next_deadline() const { return deadlines_.next(); }  // never() if there is none
  // With DeviceOptions::lanes: each lane applies these before the same call's output is sent.
  LaneChanges take_changes() { return lane_feed_.take(); }
  void apply(Now now, const LaneReports& reports, Output& out);

 private:
  Peer* find(const crypto::WireGuardKey& key) const;
  Peer* find(SessionIndex index) const;  // of a session, or of our initiation under way
  SessionIndex new_index() const;
  void drop_pending(Peer& peer);
  void end_sessions(Peer& peer);
  void touch(Peer& peer) { lane_.report(*peer.lane); }  // the peer's timers may have changed
  void settle(Now now, Output& out);                    // at the end of every call
  // device_lanes.cpp
  void update_lanes(Peer& peer, bool given_up = false);  // after a change of way or keypairs
  void hear(Now now, Peer& peer, const LaneReport& report, Output& out);
  // device_send.cpp
  void send_keepalive(Now now, Peer& peer, Output& out);
  void keep_fresh(Now now, Peer& peer, bool sent, bool received, Output& out);
  void start_handshake(Now now, Peer& peer, bool retry, Output& out);
  void transmit(Now now, Peer& peer, MutableByteView datagram, Output& out);  // a handshake message
  void expire(Now now, Peer& peer, Output& out);
  // device_receive.cpp
  bool admit_handshake(Instant now, const Datagram& incoming, Output& out);
  void receive_initiation(Now now, const Datagram& incoming, Output& out);
  void answer(Now now, Peer& peer, OpenedInitiation opened, Output& out);
  void receive_response(Now now, const Datagram& incoming, Output& out);
  void receive_cookie(Instant now, const Datagram& incoming);
  void came_from(Now now, Peer& peer, const Datagram& incoming);
  void roam(Peer& peer, const Way& to);
  void confirm(Now now, Peer& peer, const Keypair* used, Output& out);
  Identity identity_;
  Rng& rng_;
  DeviceOptions options_;
  Lane lane_;
  Counters& counters_ = lane_.counters();
  Tai64nSource labels_;
  CookieChecker checker_;
  HandshakeLoad load_;
  SourceLimiter sources_, cookie_sources_;  // of proven addresses; of claimed addresses
  std::unordered_map<crypto::WireGuardKey, std::unique_ptr<Peer>> peers_;
  std::uint64_t next_serial_ = 0;
  std::unordered_map<SessionIndex, Peer*> pending_;  // our initiations under way
  Tombstones tombstones_;
  PeerDeadlines deadlines_;
  LaneFeed lane_feed_;
  std::vector<Datagram> handshakes_;  // used in one call, kept to reuse its memory
  Retired retired_;
};

}  // namespace culvert::wireguard
