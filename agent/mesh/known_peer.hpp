// A peer, and what this node remembers about the peer while the node is a peer.
#pragma once

#include "agent/mesh/process_tag.hpp"
#include "agent/terms/permits.hpp"
#include "proto/core/rate_limit.hpp"

namespace culvert::agent {

inline constexpr Duration kPassedOver = 60s;  // how long a silent publisher is avoided

struct PeerMemory {
  Processes processes;
  RateLimit resets{10ms, 64};  // resets that answer packets of no flow
};

struct KnownPeer : Peer {
  PeerMemory memory = {};
};

}  // namespace culvert::agent
