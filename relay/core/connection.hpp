// The state that the relay holds for one connection. All of it is bounded: three queues, the ticket
// and its peers, and two tables of correspondents.
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/derp/frame_queue.hpp"
#include "proto/derp/payload.hpp"
#include "relay/core/byte_rate.hpp"
#include "relay/core/core.hpp"

namespace culvert::relay {

struct Connection {
  ConnectionId id = 0;
  bool logged_in = false;
  bool listed = false;   // is in Effects::writable already
  bool closing = false;  // is out of every other table and about to be erased
  bool answers_pings = false;
  derp::Challenge challenge;
  crypto::RelayKey key;  // the client's key, from the login on
  derp::FrameReader reader;

  // The present ticket. In open mode there is no ticket, and every peer is allowed.
  std::string ticket;
  bool any_peer = false;
  std::vector<crypto::RelayKey> peers;  // sorted
  WallTime until;
  ByteRate rate;

  derp::FrameQueue own;    // the relay's own frames
  derp::FrameQueue disco;  // at most kMaxDisco
  derp::PacketQueue data;  // at most Options::queue_bytes

  std::unordered_set<crypto::RelayKey> correspondents;          // at most kMaxCorrespondents
  std::unordered_map<crypto::RelayKey, Instant> told_not_here;  // at most kMaxCorrespondents

  Instant heard;
  // Deadlines. `timer` is the earliest of them, as entered in Core::Parts::timers.
  Instant login_by = Instant::never();
  Instant ticket_check = Instant::never();
  Instant keep_alive = Instant::never();
  Instant silence_check = Instant::never();
  Instant stalled = Instant::never();
  Instant timer = Instant::never();

  bool may_reach(const crypto::RelayKey& peer) const {
    return any_peer || std::binary_search(peers.begin(), peers.end(), peer);
  }
  void remember(const crypto::RelayKey& peer) {
    if (correspondents.size() < kMaxCorrespondents) correspondents.insert(peer);
  }
  bool queues_empty() const { return own.empty() && disco.empty() && data.empty(); }
  Instant next() const {
    return std::min({login_by, ticket_check, keep_alive, silence_check, stalled});
  }
};

}  // namespace culvert::relay
