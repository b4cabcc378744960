// Admission to a relay: this relay key may use that relay and talk to these keys until then. Signed
// by a ticket key of the vendor root. It opens no door of a site.
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

// What a relay checks: a ticket key signed it, for this relay, and it has not expired. Whether the
// client holds the secret half of `node` is the login's business.
Result<Ticket> verify_ticket(std::string_view note, std::span<const note::KnownKey> ticket_keys,
                             const crypto::RelayKey& relay, WallTime now);

}  // namespace culvert::trust
