// Admission to a relay: a node's relay key may use one relay, and talk to the listed keys, until
// `expires`. Signed by a ticket key of the vendor root. A ticket gives no access to a site.
//
//   culvert/ticket/v1
//   vendor-id: sha256:…
//   relay: x25519:…                  the relay's own key
//   node: x25519:…                   the relay key of the node that may log in
//   peer: x25519:…                   0 to 128, sorted
//   rate: <bytes per second>         0: the relay's own limit
//   expires: <time>
#pragma once

#include <span>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxTicketPeers = 128;

struct Ticket {
  static constexpr std::string_view kType = "culvert/ticket/v1";

  VendorId vendor_id;
  crypto::RelayKey relay;
  crypto::RelayKey node;
  std::vector<crypto::RelayKey> peers;
  std::uint64_t rate = 0;
  WallTime expires;

  static Result<Ticket> parse(std::string_view text);
  std::string render() const;
};

// What a relay checks: a ticket key has signed the ticket, the ticket names this relay, and the
// ticket has not expired. The login checks that the client holds the secret half of `node`.
Result<Ticket> verify_ticket(std::string_view note, std::span<const note::KnownKey> ticket_keys,
                             const crypto::RelayKey& relay, WallTime now);

}  // namespace culvert::trust
