// What a relay must know of a ticket. The note itself belongs to proto/trust, which this folder
// does not know: the relay's shell and the simulator bind a TicketVerifier to it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::derp {

struct TicketFacts {
  crypto::RelayKey client;              // who may log in with it
  std::vector<crypto::RelayKey> peers;  // whom it may send to and hear from
  WallTime until;
  std::uint64_t bytes_per_second = 0;  // 0: the relay's own limit
};

// Checks signature, issuer, that the ticket names *this* relay, and that it has not expired.
// Pure: what it captures outlives whoever holds it.
using TicketVerifier = std::function<Result<TicketFacts>(ByteView note, Now now)>;

inline constexpr std::size_t kMaxTicketPeers = 1024;

}  // namespace culvert::derp
