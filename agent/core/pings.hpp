// Pings that somebody waits for: by the number that the prober gave them, until an answer comes.
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
  std::string name;  // of the peer
  crypto::RelayKey relay;
  Done<PingResult> done;
};
using Pings = std::map<path::PingId, Ping>;
using AnsweredPings = std::vector<std::pair<Done<PingResult>, Result<PingResult>>>;

}  // namespace culvert::agent
