#include "proto/crypto/keys.hpp"

#include <sodium.h>

#include <cstdlib>
#include <string>

namespace culvert::crypto {
namespace {

constexpr std::string_view kEd25519Prefix = "ed25519:";
constexpr std::string_view kX25519Prefix = "x25519:";

std::optional<Bytes> after_prefix(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix) || text.size() != prefix.size() + 64) return std::nullopt;
  return from_hex(text.substr(prefix.size()));
}

}  // namespace

template <std::size_t N>
Secret<N>::Secret(ByteView raw) {
  if (raw.size() != N) std::abort();
  std::memcpy(bytes_.data(), raw.data(), N);
}
template <std::size_t N>
Secret<N> Secret<N>::random(Rng& rng) {
  Secret out;
  rng.fill(out.bytes_);
  return out;
}
template <std::size_t N>
Secret<N>::Secret(Secret&& other) noexcept : bytes_(other.bytes_) {
  wipe(other.bytes_);
}
template <std::size_t N>
Secret<N>& Secret<N>::operator=(Secret&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    wipe(other.bytes_);
  }
  return *this;
}
template <std::size_t N>
Secret<N>::~Secret() {
  wipe(bytes_);
}
template <std::size_t N>
bool Secret<N>::equals(const Secret& other) const {
  return sodium_memcmp(bytes_.data(), other.bytes_.data(), N) == 0;
}
template <std::size_t N>
bool Secret<N>::is_zero() const {
  return sodium_is_zero(bytes_.data(), N) == 1;
}
template class Secret<32>;
template class Secret<64>;

SigningKey SigningKey::generate(Rng& rng) { return from_seed(Secret32::random(rng)); }

SigningKey SigningKey::from_seed(Secret32 seed) {
  SigningKey key;
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> expanded{};
  crypto_sign_seed_keypair(key.public_.bytes.data(), expanded.data(), seed.reveal().data());
  wipe(expanded);
  key.seed_ = std::move(seed);
  return key;
}

Signature SigningKey::sign(ByteView message) const {
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> expanded{};
  std::memcpy(expanded.data(), seed_.reveal().data(), 32);
  std::memcpy(expanded.data() + 32, public_.bytes.data(), 32);
  Signature out;
  crypto_sign_detached(out.bytes.data(), nullptr, message.data(), message.size(), expanded.data());
  wipe(expanded);
  return out;
}

bool verify(const VerifyKey& key, ByteView message, const Signature& signature) {
  return crypto_sign_verify_detached(signature.bytes.data(), message.data(), message.size(),
                                     key.bytes.data()) == 0;
}

std::optional<Secret32> x25519(const Secret32& secret, ByteView public_key) {
  if (public_key.size() != 32) return std::nullopt;
  Secret32 shared;
  if (crypto_scalarmult(shared.writable().data(), secret.reveal().data(), public_key.data()) != 0) {
    return std::nullopt;
  }
  return shared;
}

std::array<std::uint8_t, 32> x25519_base(const Secret32& secret) {
  std::array<std::uint8_t, 32> out{};
  crypto_scalarmult_base(out.data(), secret.reveal().data());
  return out;
}

std::string format_ed25519(const VerifyKey& key) { return std::string(kEd25519Prefix) + key.hex(); }

std::optional<VerifyKey> parse_ed25519(std::string_view text) {
  const auto raw = after_prefix(text, kEd25519Prefix);
  if (!raw) return std::nullopt;
  return VerifyKey::from(*raw);
}

std::string format_x25519(ByteView key) { return std::string(kX25519Prefix) + to_hex(key); }

std::optional<std::array<std::uint8_t, 32>> parse_x25519(std::string_view text) {
  const auto raw = after_prefix(text, kX25519Prefix);
  if (!raw) return std::nullopt;
  std::array<std::uint8_t, 32> out{};
  std::memcpy(out.data(), raw->data(), out.size());
  return out;
}

SystemRng::SystemRng() {
  if (sodium_init() < 0) std::abort();
}
void SystemRng::fill(MutableByteView out) { randombytes_buf(out.data(), out.size()); }

void wipe(MutableByteView secret) { sodium_memzero(secret.data(), secret.size()); }

}  // namespace culvert::crypto
