// The state that the PeerPaths of all peers share.
#pragma once

#include <vector>

#include "proto/core/rng.hpp"
#include "proto/path/prober_types.hpp"

namespace culvert::path {

// Owned by the Prober.
struct PathContext {
  bool allow_loopback = false;
  bool direct = true;
  crypto::DiscoKey ours;
  crypto::WireGuardKey node;
  Rng& rng;
  std::vector<Endpoint> endpoints;  // our endpoints, as CallMeMaybe lists them
  bool lost;                        // some direct path was lost since the Prober last looked
  ProberOutput output;
  ProberCounters counters;

  bool usable(const Endpoint& endpoint) const;  // the endpoint may become a candidate
};

}  // namespace culvert::path
