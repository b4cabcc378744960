// STUN Binding (RFC 8489), client and server side: a client asks a server for the client's address
// and port as the server sees them.
//
//   0                   1                   2                   3
//  |0 0|  message type (14)  |  message length (16, without header)  |  §5
//  |                 magic cookie 0x2112A442                          |
//  |                 transaction id (96)                              |
//  attributes: type (16) · length (16) · value, padded to 4 bytes        §14
//
// Attributes used here: XOR-MAPPED-ADDRESS (§14.2), MAPPED-ADDRESS (§14.1, read only), ERROR-CODE
// (§14.8), UNKNOWN-ATTRIBUTES (§14.9), FINGERPRINT (§14.7: CRC-32 of the message before it, xor
// 0x5354554e; always the last). Authentication attributes are skipped, since we ask for no
// authentication. No state and no rate limits: both belong to the caller.
#pragma once

#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/strong.hpp"

namespace culvert::path {

inline constexpr std::uint32_t kStunMagicCookie = 0x2112A442;
inline constexpr std::size_t kStunHeaderSize = 20;
inline constexpr std::size_t kMaxStunMessage = 1280;  // larger messages are refused unread

using StunTransaction = FixedBytes<struct StunTransactionTag, 12>;

// Cheap demultiplexing (RFC 8489 §5, RFC 7983): top bits zero, cookie, length fits.
bool is_stun(ByteView datagram);

// --- client ---
StunTransaction new_stun_transaction(Rng& rng);
Bytes stun_request(const StunTransaction& transaction);  // with FINGERPRINT

struct StunResponse {
  StunTransaction transaction;
  Endpoint mapped;  // our address as the server saw it
};
// Reads a success response. kInvalid: malformed; kDenied: an error response, its code in the text.
Result<StunResponse> parse_stun_response(ByteView datagram);

// --- server ---
struct StunRequest {
  StunTransaction transaction;
  bool fingerprint = false;                     // the request has FINGERPRINT; so will the answer
  std::vector<std::uint16_t> unknown_required;  // must be refused with 420 (at most 16 are kept)
};
// Reads a Binding request. kInvalid: malformed or with a wrong FINGERPRINT; send no answer then.
Result<StunRequest> parse_stun_request(ByteView datagram);
// The whole answer: XOR-MAPPED-ADDRESS, or error 420 for unknown comprehension-required attributes.
Bytes stun_answer(const StunRequest& request, const Endpoint& from);

}  // namespace culvert::path
