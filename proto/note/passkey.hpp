// Signature lines by passkeys (WebAuthn level 2, ES256). The page that asks is served by the
// approver's own program, so the relying party is always `localhost`.
//
//   signature = u16 length ‖ authenticator data ‖ u16 length ‖ client data ‖ DER (big-endian)
//
// It counts if the authenticator data begin with SHA-256("localhost") and say that the user was
// present and verified (flags 0x01 and 0x04), and the client data (client_data.hpp) say type
// `webauthn.get`, challenge = unpadded base64url of SHA-256(text), origin
// `http://localhost:<port>`, no top origin and not cross-origin. The counter is ignored.
#pragma once

#include <string_view>

#include "proto/core/bytes.hpp"
#include "proto/crypto/p256.hpp"

namespace culvert::note {

constexpr std::size_t kMaxAuthenticatorData = 1024;

bool verify_passkey(const crypto::P256Point& key, std::string_view text, ByteView signature);
// Unpadded base64url (RFC 4648 §5) of SHA-256(text): what the browser is asked to sign.
std::string passkey_challenge(std::string_view text);

}  // namespace culvert::note
