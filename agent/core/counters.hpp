// What an agent's core has counted since its start. A stranger can cause most of what is refused,
// so it is counted and never logged by the packet.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proto/path/prober_types.hpp"
#include "proto/wireguard/device_types.hpp"

namespace culvert::agent {

struct CoreCounters {
  wireguard::Counters wireguard;
  path::ProberCounters paths;
  std::uint64_t filter_refused = 0;  // packets that no right covers
  std::size_t peers = 0;             // now
  std::size_t direct = 0;            // now: peers that a direct path reaches
  std::size_t rights = 0;            // now: grants in force here
};

}  // namespace culvert::agent
