// Binds the core's TicketVerifier to trust::Ticket: a note signed by one of the configured ticket
// keys, that names this relay, and has not expired.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "proto/derp/ticket.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/names.hpp"

namespace culvert::relay {

struct Admission {
  std::vector<note::KnownKey> ticket_keys;
  std::optional<trust::VendorId> vendor;
};

// Reads `admission` at each call: whoever changes it has the core check its tickets again.
derp::TicketVerifier ticket_verifier(std::shared_ptr<const Admission> admission,
                                     const crypto::RelayKey& relay);

}  // namespace culvert::relay
