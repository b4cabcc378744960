// ECDSA over NIST P-256 with SHA-256 (FIPS 186-4), verification only. Passkeys sign with it.
#pragma once

#include "proto/core/bytes.hpp"
#include "proto/core/strong.hpp"

namespace culvert::crypto {

using P256Point = FixedBytes<struct P256Role, 33>;  // compressed (SEC 1 §2.3.3)

// `signature` is DER (RFC 3279 §2.2.3) in its one shortest form, with s at most half the order:
// nobody can turn a signature into a second valid one. A point that is not on the curve verifies
// nothing.
bool verify_p256(const P256Point& key, ByteView message, ByteView signature);

}  // namespace culvert::crypto
