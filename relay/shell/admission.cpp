#include "relay/shell/admission.hpp"

#include "proto/trust/statements/ticket.hpp"

namespace culvert::relay {

derp::TicketVerifier ticket_verifier(std::shared_ptr<const Admission> admission,
                                     const crypto::RelayKey& relay) {
  return [admission = std::move(admission), relay](ByteView note,
                                                   Now now) -> Result<derp::TicketFacts> {
    if (admission->ticket_keys.empty()) {
      return fail(ErrorCode::kDenied, "this relay has no ticket keys configured");
    }
    auto ticket = trust::verify_ticket(text(note), admission->ticket_keys, relay, now.wall);
    if (!ticket) return fail_with(ticket.error());
    if (admission->vendor && ticket->vendor_id != *admission->vendor) {
      return fail(ErrorCode::kDenied, "the ticket is of another vendor");
    }
    return derp::TicketFacts{ticket->node, std::move(ticket->peers), ticket->expires, ticket->rate};
  };
}

}  // namespace culvert::relay
