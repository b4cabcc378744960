// What the paths to all peers share.
#pragma once

#include <vector>

#include "proto/core/rng.hpp"
#include "proto/path/prober_types.hpp"

namespace culvert::path {

// What all peers share; lives in the Prober.
struct PathContext {
  bool allow_loopback = false;
  bool direct = true;
  crypto::DiscoKey ours;
  crypto::WireGuardKey node;
  Rng& rng;
  std::vector<Endpoint> endpoints;  // ours, as CallMeMaybe tells them
  bool lost;                        // a direct path, since the Prober last looked
  ProberOutput output;
  ProberCounters counters;

  bool usable(const Endpoint& endpoint) const;  // may be a candidate at all
};

}  // namespace culvert::path
