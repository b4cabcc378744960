// Key types. Public keys are plain values; each role has its own type. Secrets are move-only, are
// wiped when destroyed, compare in constant time and cannot be printed.
//   Ed25519 (RFC 8032): SigningKey and VerifyKey, for statements; a node's IdentityKey is one.
//   X25519 (RFC 7748):  WireGuard, control (Noise), relay (DERP login) and disco keys, each role
//                       with a key of its own; the public keys are in proto/core/public_keys.hpp
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/core/bytes.hpp"
#include "proto/core/public_keys.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/strong.hpp"

namespace culvert::crypto {

// N secret bytes. Move-only; the moved-from object is wiped.
template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t kSize = N;

  Secret() = default;             // all zero
  explicit Secret(ByteView raw);  // raw.size() == N, asserted
  static Secret random(Rng& rng);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  Secret clone() const { return Secret(reveal()); }
  ByteView reveal() const { return bytes_; }  // the one way to read the bytes; never log them
  MutableByteView writable() { return bytes_; }
  bool equals(const Secret& other) const;  // constant time
  bool is_zero() const;                    // constant time

 private:
  std::array<std::uint8_t, N> bytes_{};
};
extern template class Secret<32>;
extern template class Secret<64>;
using Secret32 = Secret<32>;

using VerifyKey = FixedBytes<struct VerifyRole, 32>;     // Ed25519 public key
using Signature = FixedBytes<struct SignatureRole, 64>;  // Ed25519 signature
using Hash = FixedBytes<struct HashRole, 32>;            // SHA-256 unless a comment says BLAKE2s

// An X25519 secret key with its public key; `Public` is the role.
template <class Public>
struct KeyPair {
  Secret32 secret;
  Public public_key;

  static KeyPair generate(Rng& rng);  // clamped as RFC 7748 §5 says
  static KeyPair from_secret(Secret32 secret);
  KeyPair clone() const { return {secret.clone(), public_key}; }
};
// An Ed25519 key, kept as the 32-byte seed of RFC 8032 §5.1.5.
class SigningKey {
 public:
  static SigningKey generate(Rng& rng);
  static SigningKey from_seed(Secret32 seed);

  const VerifyKey& public_key() const { return public_; }
  Signature sign(ByteView message) const;
  const Secret32& seed() const { return seed_; }  // only for storing the seed in a 0600 file
  SigningKey clone() const { return from_seed(seed_.clone()); }

 private:
  Secret32 seed_;
  VerifyKey public_;
};

bool verify(const VerifyKey& key, ByteView message, const Signature& signature);

// Diffie–Hellman of RFC 7748 §6.1; nothing when the result is all zero (a low-order point).
std::optional<Secret32> x25519(const Secret32& secret, ByteView public_key);
std::array<std::uint8_t, 32> x25519_base(const Secret32& secret);

// "ed25519:<64 hex>" and "x25519:<64 hex>", the spelling in statements and configuration.
std::string format_ed25519(const VerifyKey& key);
std::optional<VerifyKey> parse_ed25519(std::string_view text);
std::string format_x25519(ByteView key);
std::optional<std::array<std::uint8_t, 32>> parse_x25519(std::string_view text);

template <class Public>
KeyPair<Public> KeyPair<Public>::generate(Rng& rng) {
  return from_secret(Secret32::random(rng));
}
template <class Public>
KeyPair<Public> KeyPair<Public>::from_secret(Secret32 secret) {
  auto raw = secret.writable();
  raw[0] &= 248U;
  raw[31] = static_cast<std::uint8_t>((raw[31] & 127U) | 64U);
  KeyPair pair{std::move(secret), {}};
  pair.public_key.bytes = x25519_base(pair.secret);
  return pair;
}

// The operating system's generator (libsodium). The only Rng that programs use.
class SystemRng final : public Rng {
 public:
  SystemRng();  // initialises libsodium; aborts when the initialisation fails
  void fill(MutableByteView out) override;
};

void wipe(MutableByteView secret);

}  // namespace culvert::crypto
