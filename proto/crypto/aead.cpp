#include "proto/crypto/aead.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "proto/crypto/aead_backend.hpp"

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
  if (!jobs.empty()) aead_in_use().seal(jobs);
}

void open_batch(std::span<AeadJob> jobs) {
  const auto& backend = aead_in_use();
  while (!jobs.empty()) {
    const auto is_short = [](const AeadJob& job) { return job.buffer.size() < kAeadTagSize; };
    const auto end = std::find_if(jobs.begin(), jobs.end(), is_short);
    const auto whole = static_cast<std::size_t>(end - jobs.begin());
    if (whole > 0) backend.open(jobs.first(whole));
    if (end != jobs.end()) end->ok = false;
    jobs = jobs.subspan(std::min(whole + 1, jobs.size()));
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
