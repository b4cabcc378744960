// Signature lines by passkeys (WebAuthn level 2, ES256). The approver's own program serves the web
// page that asks for the signature, so the relying party is always `localhost`.
//
//   signature = u16 length ‖ authenticator data ‖ u16 length ‖ client data ‖ DER (big-endian)
//
// A signature counts if all of this holds; the counter is ignored:
//   - the authenticator data begin with SHA-256("localhost");
//   - their flags say that the user was present and verified (0x01 and 0x04);
//   - the client data (client_data.hpp) have type `webauthn.get`, challenge = unpadded base64url of
//     SHA-256(text), origin `http://localhost:<port>`, no top origin, and are not cross-origin;
//   - the key verifies the DER signature.
#pragma once

#include <string_view>

#include "proto/core/bytes.hpp"
#include "proto/crypto/p256.hpp"

namespace culvert::note {

constexpr std::size_t kMaxAuthenticatorData = 1024;

bool verify_passkey(const crypto::P256Point& key, std::string_view text, ByteView signature);
// Unpadded base64url (RFC 4648 §5) of SHA-256(text): the challenge that the browser signs.
std::string passkey_challenge(std::string_view text);

}  // namespace culvert::note
