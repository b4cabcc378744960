#include "proto/crypto/hash.hpp"

#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>

#include <cstdlib>
#include <memory>

namespace culvert::crypto {
namespace {

constexpr std::size_t kBlockSize = 64;  // of SHA-256 and of BLAKE2s alike
constexpr std::size_t kDigestSize = 32;
using Digest = std::array<std::uint8_t, kDigestSize>;

void require(bool ok) {
  if (!ok) std::abort();  // libcrypto lacks an algorithm it must have: nothing sound can follow
}

struct MdFree {
  void operator()(EVP_MD* md) const { EVP_MD_free(md); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// The algorithms are fetched once: an implicit fetch in each call costs more than the hash itself.
const EVP_MD* algorithm(HashKind kind) {
  static const std::unique_ptr<EVP_MD, MdFree> sha(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  static const std::unique_ptr<EVP_MD, MdFree> blake(EVP_MD_fetch(nullptr, "BLAKE2S-256", nullptr));
  const auto* md = kind == HashKind::kSha256 ? sha.get() : blake.get();
  require(md != nullptr);
  return md;
}

EVP_MD_CTX* context() {
  static thread_local const std::unique_ptr<EVP_MD_CTX, MdFree> reused(EVP_MD_CTX_new());
  require(reused != nullptr);
  return reused.get();
}

void start(EVP_MD_CTX* ctx, HashKind kind) {
  require(EVP_DigestInit_ex2(ctx, algorithm(kind), nullptr) == 1);
}
void feed(EVP_MD_CTX* ctx, ByteView part) {
  require(EVP_DigestUpdate(ctx, part.data(), part.size()) == 1);
}
Digest finish(EVP_MD_CTX* ctx) {
  Digest out{};
  require(EVP_DigestFinal_ex(ctx, out.data(), nullptr) == 1);
  return out;
}

Digest digest(HashKind kind, std::initializer_list<ByteView> parts) {
  auto* ctx = context();
  start(ctx, kind);
  for (const auto part : parts) feed(ctx, part);
  return finish(ctx);
}

struct MacFree {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

EVP_MAC_CTX* new_blake2s_mac_context() {
  static const std::unique_ptr<EVP_MAC, MacFree> mac(EVP_MAC_fetch(nullptr, "BLAKE2SMAC", nullptr));
  require(mac != nullptr);
  auto* const context = EVP_MAC_CTX_new(mac.get());
  require(context != nullptr);
  return context;
}

EVP_MAC_CTX* blake2s_mac_context() {
  static thread_local const std::unique_ptr<EVP_MAC_CTX, MacFree> reused(new_blake2s_mac_context());
  return reused.get();
}

void begin_mac16(EVP_MAC_CTX* context, ByteView key) {
  std::size_t size = 16;
  const std::array<OSSL_PARAM, 2> params = {OSSL_PARAM_construct_size_t("size", &size),
                                            OSSL_PARAM_construct_end()};
  require(EVP_MAC_init(context, key.data(), key.size(), params.data()) == 1);
}

std::array<std::uint8_t, 16> finish_mac16(EVP_MAC_CTX* context, ByteView message) {
  std::array<std::uint8_t, 16> out{};
  std::size_t size = out.size();
  require(EVP_MAC_update(context, message.data(), message.size()) == 1);
  require(EVP_MAC_final(context, out.data(), &size, out.size()) == 1);
  return out;
}

}  // namespace

Hash sha256(std::initializer_list<ByteView> parts) {
  Hash out;
  out.bytes = digest(HashKind::kSha256, parts);
  return out;
}

std::array<std::uint8_t, 32> blake2s(std::initializer_list<ByteView> parts) {
  return digest(HashKind::kBlake2s, parts);
}

std::array<std::uint8_t, 16> blake2s_mac16(ByteView key, ByteView message) {
  auto* const context = blake2s_mac_context();
  begin_mac16(context, key);
  return finish_mac16(context, message);
}

Blake2sMac16::Blake2sMac16(ByteView key) : context_(new_blake2s_mac_context()) {
  begin_mac16(context_.get(), key);
}

std::array<std::uint8_t, 16> Blake2sMac16::operator()(ByteView message) {
  // EVP_MAC_init without a key and parameters begins a new message with the present key.
  require(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);
  return finish_mac16(context_.get(), message);
}

void Blake2sMac16::Free::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

std::array<std::uint8_t, 32> hmac(HashKind kind, ByteView key,
                                  std::initializer_list<ByteView> parts) {
  std::array<std::uint8_t, kBlockSize> block{};
  if (key.size() > kBlockSize) {
    const auto hashed = digest(kind, {key});
    std::memcpy(block.data(), hashed.data(), hashed.size());
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }
  auto* ctx = context();
  for (auto& byte : block) byte ^= 0x36U;
  start(ctx, kind);
  feed(ctx, block);
  for (const auto part : parts) feed(ctx, part);
  auto inner = finish(ctx);
  for (auto& byte : block) byte ^= 0x36U ^ 0x5CU;
  const auto outer = digest(kind, {block, inner});
  wipe(block);
  wipe(inner);
  return outer;
}

Secret32 hkdf_extract(HashKind kind, ByteView salt, ByteView input_key) {
  auto prk = hmac(kind, salt, {input_key});
  Secret32 out{ByteView(prk)};
  wipe(prk);
  return out;
}

void hkdf_expand(HashKind kind, const Secret32& prk, ByteView info, MutableByteView out) {
  require(out.size() <= 255 * kDigestSize);
  Digest previous{};
  std::size_t previous_size = 0;
  std::uint8_t counter = 1;
  for (std::size_t done = 0; done < out.size(); ++counter) {
    previous = hmac(kind, prk.reveal(),
                    {ByteView(previous).first(previous_size), info, ByteView(&counter, 1)});
    previous_size = previous.size();
    const std::size_t n = std::min(previous.size(), out.size() - done);
    std::memcpy(out.data() + done, previous.data(), n);
    done += n;
  }
  wipe(previous);
}

}  // namespace culvert::crypto
