// Makes the core's TicketVerifier from trust::Ticket: a valid ticket is a note that one of the
// configured ticket keys signed, that names this relay, and that has not expired.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "proto/derp/ticket.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::relay {

struct Admission {
  std::vector<note::KnownKey> ticket_keys;
  std::optional<trust::VendorId> vendor;
};

// The verifier reads `admission` at each call. After changing `admission`, call
// Core::recheck_tickets().
derp::TicketVerifier ticket_verifier(std::shared_ptr<const Admission> admission,
                                     const crypto::RelayKey& relay);

}  // namespace culvert::relay
