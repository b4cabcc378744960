// Hashes and key derivation: SHA-256 (FIPS 180-4), BLAKE2s-256 plain and keyed (RFC 7693),
// HMAC (RFC 2104) and HKDF (RFC 5869) generic over the hash.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "proto/core/bytes.hpp"
#include "proto/crypto/keys.hpp"

struct evp_mac_ctx_st;

namespace culvert::crypto {

Hash sha256(std::initializer_list<ByteView> parts);
inline Hash sha256(ByteView message) { return sha256({message}); }

// BLAKE2s with a 32-byte digest.
std::array<std::uint8_t, 32> blake2s(std::initializer_list<ByteView> parts);
// Keyed BLAKE2s with a 16-byte digest (WireGuard's Mac); key of 1 to 32 bytes.
std::array<std::uint8_t, 16> blake2s_mac16(ByteView key, ByteView message);

// blake2s_mac16() for many messages under one key; the key is set up once.
class Blake2sMac16 {
 public:
  explicit Blake2sMac16(ByteView key);
  std::array<std::uint8_t, 16> operator()(ByteView message);

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const;
  };
  std::unique_ptr<evp_mac_ctx_st, Free> context_;
};

enum class HashKind { kSha256, kBlake2s };

std::array<std::uint8_t, 32> hmac(HashKind kind, ByteView key,
                                  std::initializer_list<ByteView> parts);

// RFC 5869. extract: salt may be empty. expand: out.size() ≤ 255 · 32, asserted.
Secret32 hkdf_extract(HashKind kind, ByteView salt, ByteView input_key);
void hkdf_expand(HashKind kind, const Secret32& prk, ByteView info, MutableByteView out);

}  // namespace culvert::crypto
