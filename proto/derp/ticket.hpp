// What a relay must know of a ticket. The signed note of a ticket belongs to proto/trust, on which
// proto/derp does not depend: the relay's shell and the simulator make a TicketVerifier that uses
// proto/trust.
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
  crypto::RelayKey client;              // the client that may log in with the ticket
  std::vector<crypto::RelayKey> peers;  // the clients it may exchange packets with
  WallTime until;
  std::uint64_t bytes_per_second = 0;  // 0: the relay's own limit
};

// Checks the signature and the issuer, that the ticket names *this* relay, and that the ticket has
// not expired. Whatever the callback captures must outlive the callback.
using TicketVerifier = std::function<Result<TicketFacts>(ByteView note, Now now)>;

inline constexpr std::size_t kMaxTicketPeers = 1024;

}  // namespace culvert::derp
