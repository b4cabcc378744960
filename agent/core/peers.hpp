// The peers of the mesh, with what this node remembers about each while the node is a peer.
#pragma once

#include <map>
#include <optional>

#include "agent/core/process_tag.hpp"
#include "agent/terms/permits.hpp"
#include "proto/core/rate_limit.hpp"

namespace culvert::agent {

struct PeerState {  // kept while the node is a peer
  Processes processes;
  RateLimit resets{10ms, 64};      // resets that answer packets of no flow
  std::optional<Instant> stopped;  // when the peer's agent announced its stop
};
struct PeerNeed : Peer {
  PeerState state = {};
};
using Peers = std::map<crypto::WireGuardKey, PeerNeed>;

}  // namespace culvert::agent
