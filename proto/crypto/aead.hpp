// ChaCha20-Poly1305 (RFC 8439) for single messages and for batches, and XChaCha20-Poly1305 for
// cookies. The data path uses batches: one batch may hold packets of several keys.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "proto/core/bytes.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::crypto {

inline constexpr std::size_t kAeadTagSize = 16;

// One packet of a batch. The nonce is 4 zero bytes ‖ the counter, little-endian (WireGuard, Noise).
// seal: buffer holds plain ‖ 16 spare bytes and becomes ciphertext ‖ tag.
// open: buffer holds ciphertext ‖ tag (≥ 16 bytes) and becomes plain ‖ undefined; `ok` tells
// whether the packet is genuine. No associated data: transport packets have none.
struct AeadJob {
  const Secret32* key = nullptr;  // not owned, lives through the call
  std::uint64_t counter = 0;
  MutableByteView buffer;
  bool ok = false;
};

void seal_batch(std::span<AeadJob> jobs);
void open_batch(std::span<AeadJob> jobs);

// Single messages with associated data (handshakes). out: plain.size() + 16 bytes.
void aead_seal(const Secret32& key, std::uint64_t counter, ByteView associated, ByteView plain,
               MutableByteView out);
// out: sealed.size() - 16 bytes, asserted; false when `sealed` is forged.
bool aead_open(const Secret32& key, std::uint64_t counter, ByteView associated, ByteView sealed,
               MutableByteView out);

// Single messages with the whole 12-byte nonce of RFC 8439, for the test vectors of the RFC.
using AeadNonce = std::array<std::uint8_t, 12>;
void aead_seal(const Secret32& key, const AeadNonce& nonce, ByteView associated, ByteView plain,
               MutableByteView out);
bool aead_open(const Secret32& key, const AeadNonce& nonce, ByteView associated, ByteView sealed,
               MutableByteView out);

// XChaCha20-Poly1305, 24-byte nonce (WireGuard cookie replies).
void xaead_seal(const Secret32& key, ByteView nonce, ByteView associated, ByteView plain,
                MutableByteView out);
bool xaead_open(const Secret32& key, ByteView nonce, ByteView associated, ByteView sealed,
                MutableByteView out);

}  // namespace culvert::crypto
