// What a device and its lanes tell each other (lane.hpp). Later messages merge into earlier ones
// that were not read yet: a mailbox grows with peers and prefixes, not with time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/prefix.hpp"
#include "proto/core/strong.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/wireguard/keypairs.hpp"

namespace culvert::wireguard {

using PeerId = Strong<struct PeerIdTag, std::uint64_t>;  // a device never uses one twice

// --- device → lanes ---

// How a peer is now, as far as a lane must know.
struct LanePeerState {
  crypto::WireGuardKey public_key;
  Endpoint endpoint;
  std::shared_ptr<Keypair> current;             // null: no session
  std::shared_ptr<Keypair> next;                // to be proven by a packet
  std::vector<std::shared_ptr<Keypair>> opens;  // these and older ones
  bool given_up = false;                        // what waits for a session is to be dropped
};

struct LaneChanges {
  std::map<PeerId, std::optional<LanePeerState>> peers;  // nothing: it is gone
  std::map<Prefix, std::optional<PeerId>> routes;        // nothing: it is nobody's
  std::optional<std::size_t> mtu;

  bool empty() const { return peers.empty() && routes.empty() && !mtu; }
  void merge(const LaneChanges& later);
  void set(PeerId id, LanePeerState state);
};

// --- lane → device ---

// What happened with a peer.
struct LaneReport {
  crypto::WireGuardKey peer;
  std::optional<Instant> sent;  // the last time, of each kind; keepalives too
  std::optional<Instant> sent_data;
  std::optional<Instant> received;
  std::optional<Instant> received_data;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::optional<Endpoint> came_from;   // where the lane did not expect it
  std::optional<SessionIndex> proven;  // ours, of the `next` that a packet came with
  bool wants_session = false;          // packets wait in the lane

  bool urgent() const { return came_from || proven || wants_session; }
  void merge(const LaneReport& later);
};

struct LaneReports {
  std::map<PeerId, LaneReport> peers;
  bool urgent = false;  // else a fraction of a second does not matter

  void merge(PeerId id, const LaneReport& later);
};

}  // namespace culvert::wireguard
