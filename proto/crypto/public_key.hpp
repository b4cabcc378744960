// A key that signs statements: Ed25519, or a passkey (P-256) of a person.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "proto/crypto/keys.hpp"
#include "proto/crypto/p256.hpp"

namespace culvert::crypto {

class PublicKey {
 public:
  PublicKey() = default;  // the zero Ed25519 key
  // Implicit, so that an Ed25519 key can be passed wherever a PublicKey is expected.
  PublicKey(const VerifyKey& key) : key_(key) {}  // NOLINT(google-explicit-constructor)
  explicit PublicKey(const P256Point& point) : key_(point) {}

  const VerifyKey* ed25519() const { return std::get_if<VerifyKey>(&key_); }
  const P256Point* passkey() const { return std::get_if<P256Point>(&key_); }
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
  friend std::strong_ordering operator<=>(const PublicKey& a, const PublicKey& b);

 private:
  std::variant<VerifyKey, P256Point> key_;
};

// "ed25519:<64 hex>" or "passkey:<66 hex>"
std::string format_public_key(const PublicKey& key);
std::optional<PublicKey> parse_public_key(std::string_view text);

}  // namespace culvert::crypto
