// The messages of the control protocol, as values, and their JSON (docs/protocols/control.md).
//
// One message is one JSON object with a `type`, at most kMaxMessage bytes, sealed by Channel. Every
// field of a type must stand there unless it is said to be optional, and no other (hello and
// welcome alone may have more, which is ignored: they are how two versions find each other); notes
// travel as strings, binary values as lower-case hex, an absent optional is left out. A message
// that asks has an `id` of the client's choice that comes back as `re`.
//
// Nothing in a message is a proof: what matters is inside the notes and each receiver verifies it.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "proto/control/answers.hpp"
#include "proto/control/requests.hpp"
#include "proto/core/result.hpp"

namespace culvert::control {

using Message =
    std::variant<Hello, Prove, Put, SiteInfo, LeaseRequest, TicketRequest, List, AuditUpload,
                 AuditQuery, Offer, Ping, Welcome, Delta, Lease, Ticket, Reply, ErrorReply, Pong>;

std::string encode(const Message& message);
Result<Message> decode(std::string_view json);  // kInvalid, naming the field

std::string_view name(ErrorCode code);  // "invalid", "denied", … as in JSON

// SHA-256 over the ids in ascending order; `ids` is sorted in place.
crypto::Hash revocations_digest(std::vector<NoteId>& ids);

// What a Prove signs: a label and the channel's handshake hash, so it is good on no other channel.
Bytes proof_message(ByteView handshake_hash);

}  // namespace culvert::control
