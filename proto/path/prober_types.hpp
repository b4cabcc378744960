// Inputs and outputs of the Prober, its limits and its timings.
#pragma once

#include <optional>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/datagram.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"
#include "proto/path/path_size.hpp"

namespace culvert::path {

// Timings. They equal those of Tailscale's disco peers.
inline constexpr Duration kHeartbeat = 3s;      // between pings of the path in use
inline constexpr Duration kTrustPath = 6500ms;  // after the last pong the relay helps again
inline constexpr Duration kSessionIdle = 45s;   // after the last use the pair falls silent
inline constexpr Duration kPingTimeout = 5s;
inline constexpr Duration kUpgradeInterval = 60s;  // between searches for a better path
inline constexpr Duration kGoodEnough = 5ms;       // a path this quick needs no better one
inline constexpr Duration kMinRestun = 20s;        // while in use, STUN is asked again after a time
inline constexpr Duration kMaxRestun = 26s;        // drawn from [kMinRestun, kMaxRestun]
inline constexpr Duration kMinCallInterval = 1s;   // CallMeMaybes to or from one peer
inline constexpr Duration kRepingAfter = 200ms;    // least time between Pings to a Ping's source

// Limits.
inline constexpr std::size_t kMaxPeers = 4096;         // add_peer fails beyond
inline constexpr std::size_t kMaxCandidates = 32;      // a peer; the least recently alive goes
inline constexpr std::size_t kMaxOutstanding = 128;    // pings a peer; the oldest is forgotten
inline constexpr std::size_t kMaxPadded = 8;           // candidates pinged at full size at once
inline constexpr std::size_t kMaxLocalEndpoints = 16;  // the first ones are used
inline constexpr std::size_t kMaxStunServers = 4;      // the first ones are used
inline constexpr std::size_t kReplayMemory = 128;      // nonces remembered for each peer

struct PeerInfo {
  crypto::WireGuardKey node;
  crypto::DiscoKey disco;
  crypto::RelayKey relay_key;
  std::optional<RelayIndex> home;  // the relay where the peer listens
};

// Where data goes: to `direct`, if set, and through the peer's relay when `relay_too` is true. A
// datagram larger than `size` does not pass the direct path and goes through the relay only.
struct Route {
  std::optional<Endpoint> direct;
  bool relay_too = true;
  std::size_t size = kFullSize;  // bytes of a datagram
  friend bool operator==(const Route&, const Route&) = default;
};

enum class PathKind { kUnknown, kRelay, kDirect };

struct PathStatus {
  PathKind kind = PathKind::kUnknown;
  std::optional<Endpoint> endpoint;  // of the direct path
  std::optional<Duration> latency;   // round trip of the last pong on it
  std::size_t size = kFullSize;      // bytes of the largest datagram that the path carries
  Instant changed;                   // when kind, endpoint or size last changed
};

// --- outputs ---
// A datagram to send: STUN or disco. The owner drops it when no relay that can carry a RelayWay is
// connected.
struct PathDatagram {
  Way way;
  Bytes bytes;
};
struct PathChanged {
  crypto::WireGuardKey peer;
  PathStatus status;
};
using PingId = std::uint64_t;
// One answer to Prober::ping. When no answer comes within kPingTimeout, one with kind kUnknown.
struct PingAnswer {
  PingId id = 0;
  crypto::WireGuardKey peer;
  PathKind kind = PathKind::kUnknown;
  std::optional<Endpoint> endpoint;
  Duration round_trip{};
};
struct ProberOutput {
  std::vector<PathDatagram> datagrams;
  std::vector<PathChanged> changes;
  std::vector<PingAnswer> answers;

  bool empty() const { return datagrams.empty() && changes.empty() && answers.empty(); }
  void clear() { *this = {}; }
};

struct ProberCounters {
  std::uint64_t malformed = 0;       // neither valid STUN nor valid disco
  std::uint64_t unknown_sender = 0;  // a disco key of no peer
  std::uint64_t forged = 0;          // the box does not open
  std::uint64_t replayed = 0;        // a nonce seen before
  std::uint64_t unexpected = 0;      // genuine, but nobody asked for it or it breaks a rule
};

}  // namespace culvert::path
