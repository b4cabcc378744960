#include "proto/crypto/public_key.hpp"

namespace culvert::crypto {
namespace {

constexpr std::string_view kPasskeyPrefix = "passkey:";
constexpr std::uint8_t kEven = 0x02;  // the two forms of a compressed point, SEC 1 §2.3.3
constexpr std::uint8_t kOdd = 0x03;

}  // namespace

std::strong_ordering operator<=>(const PublicKey& a, const PublicKey& b) {
  if (a.key_.index() != b.key_.index()) return a.key_.index() <=> b.key_.index();
  if (a.ed25519() != nullptr) return *a.ed25519() <=> *b.ed25519();
  return *a.passkey() <=> *b.passkey();
}

std::string format_public_key(const PublicKey& key) {
  if (key.ed25519() != nullptr) return format_ed25519(*key.ed25519());
  return std::string(kPasskeyPrefix) + key.passkey()->hex();
}

std::optional<PublicKey> parse_public_key(std::string_view text) {
  if (!text.starts_with(kPasskeyPrefix)) {
    const auto key = parse_ed25519(text);
    return key ? std::optional(PublicKey(*key)) : std::nullopt;
  }
  const auto raw = from_hex(text.substr(kPasskeyPrefix.size()));
  const auto point = raw ? P256Point::from(*raw) : std::nullopt;
  if (!point || (point->bytes[0] != kEven && point->bytes[0] != kOdd)) return std::nullopt;
  return PublicKey(*point);
}

}  // namespace culvert::crypto
