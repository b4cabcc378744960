#include "proto/crypto/aead.hpp"

#include <sodium.h>

#include <array>
#include <cstdlib>

namespace culvert::crypto {
namespace {

static_assert(sizeof(AeadNonce) == crypto_aead_chacha20poly1305_ietf_NPUBBYTES);

AeadNonce nonce_of(std::uint64_t counter) {
  AeadNonce nonce{};
  store_le(nonce.data() + 4, counter);
  return nonce;
}

}  // namespace

void seal_batch(std::span<AeadJob> jobs) {
  for (auto& job : jobs) {
    const auto nonce = nonce_of(job.counter);
    const std::size_t plain_size = job.buffer.size() - kAeadTagSize;
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        job.buffer.data(), job.buffer.data() + plain_size, nullptr, job.buffer.data(), plain_size,
        nullptr, 0, nullptr, nonce.data(), job.key->reveal().data());
    job.ok = true;
  }
}

void open_batch(std::span<AeadJob> jobs) {
  for (auto& job : jobs) {
    if (job.buffer.size() < kAeadTagSize) {
      job.ok = false;
      continue;
    }
    const auto nonce = nonce_of(job.counter);
    const std::size_t plain_size = job.buffer.size() - kAeadTagSize;
    job.ok = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                 job.buffer.data(), nullptr, job.buffer.data(), plain_size,
                 job.buffer.data() + plain_size, nullptr, 0, nonce.data(),
                 job.key->reveal().data()) == 0;
  }
}

void aead_seal(const Secret32& key, std::uint64_t counter, ByteView associated, ByteView plain,
               MutableByteView out) {
  aead_seal(key, nonce_of(counter), associated, plain, out);
}

bool aead_open(const Secret32& key, std::uint64_t counter, ByteView associated, ByteView sealed,
               MutableByteView out) {
  return aead_open(key, nonce_of(counter), associated, sealed, out);
}

void aead_seal(const Secret32& key, const AeadNonce& nonce, ByteView associated, ByteView plain,
               MutableByteView out) {
  if (out.size() != plain.size() + kAeadTagSize) std::abort();
  crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(),
                                            associated.data(), associated.size(), nullptr,
                                            nonce.data(), key.reveal().data());
}

bool aead_open(const Secret32& key, const AeadNonce& nonce, ByteView associated, ByteView sealed,
               MutableByteView out) {
  if (sealed.size() != out.size() + kAeadTagSize) std::abort();
  return crypto_aead_chacha20poly1305_ietf_decrypt(
             out.data(), nullptr, nullptr, sealed.data(), sealed.size(), associated.data(),
             associated.size(), nonce.data(), key.reveal().data()) == 0;
}

void xaead_seal(const Secret32& key, ByteView nonce, ByteView associated, ByteView plain,
                MutableByteView out) {
  if (out.size() != plain.size() + kAeadTagSize || nonce.size() != 24) std::abort();
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(),
                                             associated.data(), associated.size(), nullptr,
                                             nonce.data(), key.reveal().data());
}

bool xaead_open(const Secret32& key, ByteView nonce, ByteView associated, ByteView sealed,
                MutableByteView out) {
  if (sealed.size() != out.size() + kAeadTagSize || nonce.size() != 24) std::abort();
  return crypto_aead_xchacha20poly1305_ietf_decrypt(
             out.data(), nullptr, nullptr, sealed.data(), sealed.size(), associated.data(),
             associated.size(), nonce.data(), key.reveal().data()) == 0;
}

}  // namespace culvert::crypto
