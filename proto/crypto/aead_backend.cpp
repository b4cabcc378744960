#include "proto/crypto/aead_backend.hpp"

#include <openssl/evp.h>
#include <sodium.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <vector>

namespace culvert::crypto {
namespace {

using Nonce = std::array<std::uint8_t, 12>;
Nonce nonce_of(std::uint64_t counter) {
  Nonce nonce{};
  store_le(nonce.data() + 4, counter);
  return nonce;
}

std::size_t plain_size(const AeadJob& job) { return job.buffer.size() - kAeadTagSize; }

// --- the choice ---

constexpr std::size_t kTrialPackets = 32;
constexpr std::size_t kTrialSize = 1424;
constexpr int kTrialRounds = 3;  // the quickest counts: another program may take the processor

Duration trial(const AeadBackend& backend, const Clock& clock) {
  Secret32 key;
  std::vector<std::uint8_t> memory(kTrialPackets * (kTrialSize + kAeadTagSize));
  std::vector<AeadJob> jobs;
  for (std::size_t i = 0; i < kTrialPackets; ++i) {
    jobs.push_back({&key, i,
                    MutableByteView(memory).subspan(i * (kTrialSize + kAeadTagSize),
                                                    kTrialSize + kAeadTagSize),
                    false});
  }
  auto best = Duration::max();
  for (int round = 0; round < kTrialRounds; ++round) {
    const Instant start = clock();
    backend.seal(jobs);
    backend.open(jobs);
    best = std::min(best, clock() - start);
  }
  return best;
}

std::atomic<const AeadBackend*> chosen{nullptr};

// --- libcrypto ---

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

EVP_CIPHER_CTX* context(bool seal) {
  const auto make = [](bool encrypt) {
    Context made(EVP_CIPHER_CTX_new());
    if (!made || EVP_CipherInit_ex(made.get(), EVP_chacha20_poly1305(), nullptr, nullptr, nullptr,
                                   encrypt ? 1 : 0) != 1) {
      std::abort();
    }
    return made;
  };
  thread_local const Context sealing = make(true);
  thread_local const Context opening = make(false);
  return seal ? sealing.get() : opening.get();
}

}  // namespace

void backend::seal_sodium(std::span<AeadJob> jobs) {
  for (auto& job : jobs) {
    const auto nonce = nonce_of(job.counter);
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        job.buffer.data(), job.buffer.data() + plain_size(job), nullptr, job.buffer.data(),
        plain_size(job), nullptr, 0, nullptr, nonce.data(), job.key->reveal().data());
    job.ok = true;
  }
}

void backend::open_sodium(std::span<AeadJob> jobs) {
  for (auto& job : jobs) {
    const auto nonce = nonce_of(job.counter);
    job.ok = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                 job.buffer.data(), nullptr, job.buffer.data(), plain_size(job),
                 job.buffer.data() + plain_size(job), nullptr, 0, nonce.data(),
                 job.key->reveal().data()) == 0;
  }
}

void backend::seal_libcrypto(std::span<AeadJob> jobs) {
  EVP_CIPHER_CTX* const cipher = context(true);
  for (auto& job : jobs) {
    const auto nonce = nonce_of(job.counter);
    auto* const data = job.buffer.data();
    const auto size = static_cast<int>(plain_size(job));
    int done = 0;
    int rest = 0;
    job.ok =
        EVP_EncryptInit_ex(cipher, nullptr, nullptr, job.key->reveal().data(), nonce.data()) == 1 &&
        EVP_EncryptUpdate(cipher, data, &done, data, size) == 1 &&
        EVP_EncryptFinal_ex(cipher, data + done, &rest) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, kAeadTagSize, data + size) == 1;
    if (!job.ok) std::abort();  // never plain text on the wire
  }
}

void backend::open_libcrypto(std::span<AeadJob> jobs) {
  EVP_CIPHER_CTX* const cipher = context(false);
  for (auto& job : jobs) {
    const auto nonce = nonce_of(job.counter);
    auto* const data = job.buffer.data();
    const auto size = static_cast<int>(plain_size(job));
    int done = 0;
    int rest = 0;
    job.ok =
        EVP_DecryptInit_ex(cipher, nullptr, nullptr, job.key->reveal().data(), nonce.data()) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, kAeadTagSize, data + size) == 1 &&
        EVP_DecryptUpdate(cipher, data, &done, data, size) == 1 &&
        EVP_DecryptFinal_ex(cipher, data + done, &rest) == 1;
  }
}

std::span<const AeadBackend> aead_backends() {
  static const std::vector<AeadBackend> all = [] {
    std::vector<AeadBackend> out;
    if (const AeadBackend* mb = backend::ipsec_mb()) out.push_back(*mb);
    out.push_back({"libcrypto", backend::seal_libcrypto, backend::open_libcrypto});
    out.push_back({"sodium", backend::seal_sodium, backend::open_sodium});
    return out;
  }();
  return all;
}

bool choose_aead(std::string_view name) {
  for (const AeadBackend& backend : aead_backends()) {
    if (backend.name != name) continue;
    chosen = &backend;
    return true;
  }
  return false;
}

const AeadBackend& fastest_aead(const Clock& clock) {
  const auto all = aead_backends();
  const AeadBackend* best = &all.front();
  auto time = trial(*best, clock);
  for (const AeadBackend& backend : all.subspan(1)) {
    const auto taken = trial(backend, clock);
    if (taken >= time) continue;
    best = &backend;
    time = taken;
  }
  return *best;
}

const AeadBackend& aead_in_use() {
  if (const auto* backend = chosen.load(std::memory_order_acquire)) return *backend;
  return aead_backends().front();
}

}  // namespace culvert::crypto
