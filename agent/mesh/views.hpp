// What Mesh shows of itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "proto/core/endpoint.hpp"
#include "proto/core/time.hpp"
#include "proto/path/prober_types.hpp"
#include "proto/wireguard/device_types.hpp"

namespace culvert::agent {

enum class PathKind { kNone, kRelay, kDirect };

struct PeerView {
  std::string name;
  std::string identity;  // ed25519:…
  IpAddress address;
  PathKind path = PathKind::kNone;
  std::optional<Endpoint> endpoint;  // of the direct path
  std::string relay;                 // the peer's home relay; empty: none
  std::optional<Duration> latency;
  std::optional<Duration> handshake_age;
  bool stopped = false;  // the peer's agent said that it stops, and has not come back
  std::uint64_t bytes_in = 0, bytes_out = 0;
};

struct PingResult {
  std::string peer;
  PathKind path = PathKind::kNone;
  std::string via;  // endpoint or relay
  Duration round_trip{};
};

// What Mesh has counted since its start. A stranger can cause most of what is refused, so refusals
// are counted and never logged by the packet.
struct MeshCounters {
  wireguard::Counters wireguard;
  path::ProberCounters paths;
  std::uint64_t filter_refused = 0;  // packets that the grant filter refused
  std::size_t peers = 0;             // now
  std::size_t direct = 0;            // now: peers that a direct path reaches
};

}  // namespace culvert::agent
