// The messages of the control protocol, as values, and their JSON (docs/protocols/control.md).
//
// One message is one JSON object with a `type`, at most kMaxMessage bytes, sealed by Channel. An
// object has exactly the fields of its type; optional fields may be left out. Only hello and
// welcome may have further fields, which are ignored, so that two versions can agree on one. Notes
// are strings, binary values lower-case hex. A request has an `id` of the client's choice, which
// the answer repeats as `re`.
//
// A message proves nothing. Facts are inside the notes, which each receiver verifies.
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

// The bytes that a Prove signs: a label and the channel's handshake hash, so that the signature is
// valid on no other channel.
Bytes proof_message(ByteView handshake_hash);

}  // namespace culvert::control
