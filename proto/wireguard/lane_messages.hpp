// The messages between a device and its lanes (lane.hpp). A message merges into an earlier one that
// was not read yet, so a mailbox grows with the number of peers and prefixes, not with time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "proto/core/datagram.hpp"
#include "proto/core/prefix.hpp"
#include "proto/core/strong.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/wireguard/keypairs.hpp"

namespace culvert::wireguard {

using PeerId = Strong<struct PeerIdTag, std::uint64_t>;  // a device never uses an id twice

// --- device → lanes ---

// The present state of a peer, as far as a lane needs it.
struct LanePeerState {
  std::shared_ptr<Keypair> current;  // null: no session
  crypto::WireGuardKey public_key;
  Way way;
  std::shared_ptr<Keypair> next;                // not yet proven by a packet of the peer
  std::vector<std::shared_ptr<Keypair>> opens;  // all that open packets: `current`, `next`, older
  bool given_up = false;                        // drop the packets that wait for a session
};

struct LaneChanges {
  std::map<PeerId, std::optional<LanePeerState>> peers;  // nothing: the peer was removed
  std::map<Prefix, std::optional<PeerId>> routes;        // nothing: the prefix has no owner
  std::optional<std::size_t> mtu;

  bool empty() const { return peers.empty() && routes.empty() && !mtu; }
  void merge(const LaneChanges& later);
  void set(PeerId id, LanePeerState state);
};

// --- lane → device ---

// What a lane did for one peer since its last report.
struct LaneReport {
  std::optional<Instant> sent;  // `sent` to `received_data`: the last time; `sent`: keepalives too
  std::optional<Instant> sent_data;
  std::optional<Instant> received;
  std::optional<Instant> received_data;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::optional<Way> came_from;        // the source of a datagram, where it is a new one
  std::optional<SessionIndex> proven;  // our index of the `next` keypair that a packet has proven
  bool wants_session = false;          // packets wait in the lane for a session

  bool urgent() const { return came_from || proven || wants_session; }
  void merge(const LaneReport& later);
};

struct LaneReports {
  std::map<PeerId, LaneReport> peers;
  bool urgent = false;  // false: the reports may wait for a fraction of a second

  void merge(PeerId id, const LaneReport& later);
};

}  // namespace culvert::wireguard
