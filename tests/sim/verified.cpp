// Every host verifies the same notes, which would be a third of the simulator's work. This
// definition replaces libsodium's function in the whole process. It remembers good signatures, and
// verifies all others with libsodium's function under its other name.
#include <sodium.h>

#include <unordered_set>

#include "proto/crypto/hash.hpp"

namespace {

constexpr std::size_t kMaxRemembered = 1U << 16U;  // at this number all are forgotten

struct First8 {
  std::size_t operator()(const culvert::crypto::Hash& hash) const {
    return culvert::load_le<std::uint64_t>(hash.bytes.data());
  }
};

std::unordered_set<culvert::crypto::Hash, First8>& remembered() {
  static std::unordered_set<culvert::crypto::Hash, First8> good;
  return good;
}

}  // namespace

extern "C" int crypto_sign_verify_detached(const unsigned char* signature,
                                           const unsigned char* message,
                                           unsigned long long size,  // NOLINT(google-runtime-int)
                                           const unsigned char* key) {
  const auto id = culvert::crypto::sha256(
      {{key, crypto_sign_PUBLICKEYBYTES}, {signature, crypto_sign_BYTES}, {message, size}});
  auto& good = remembered();
  if (good.contains(id)) return 0;
  const int result = crypto_sign_ed25519_verify_detached(signature, message, size, key);
  if (result != 0) return result;
  if (good.size() >= kMaxRemembered) good.clear();
  good.insert(id);
  return 0;
}
