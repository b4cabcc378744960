// Pings with a caller that waits for the answer, by the PingId of the prober.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/views.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/path/prober_types.hpp"

namespace culvert::agent {

struct Ping {
  std::string name;  // the peer's name
  crypto::RelayKey relay;
  Done<PingResult> done;
};
using Pings = std::map<path::PingId, Ping>;
using AnsweredPings = std::vector<std::pair<Done<PingResult>, Result<PingResult>>>;

}  // namespace culvert::agent
