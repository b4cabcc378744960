// NaCl box (X25519 + XSalsa20-Poly1305) as DERP logins and disco use it: 24-byte nonce, then the
// 16-byte tag and the ciphertext.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::crypto {

inline constexpr std::size_t kBoxNonceSize = 24;
inline constexpr std::size_t kBoxTagSize = 16;

// The shared key of one pair, computed once (crypto_box_beforenm). Nothing for a low-order point.
class BoxKey {
 public:
  static std::optional<BoxKey> between(const Secret32& ours, ByteView theirs);

  Bytes seal(ByteView nonce, ByteView plain) const;                  // tag ‖ ciphertext
  std::optional<Bytes> open(ByteView nonce, ByteView sealed) const;  // nothing: forged

 private:
  explicit BoxKey(Secret32 key) : key_(std::move(key)) {}
  Secret32 key_;
};

}  // namespace culvert::crypto
