#include "proto/crypto/p256.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include <array>
#include <memory>

namespace culvert::crypto {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;
using Curve = std::unique_ptr<EC_GROUP, Deleter<EC_GROUP_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

constexpr std::size_t kMaxDer = 72;  // two integers of at most 33 bytes, and their headers

// Null: the point is not on the curve.
Key import(const P256Point& point) {
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  std::array<char, 11> curve{"prime256v1"};
  auto bytes = point.bytes;
  const std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes.data(), bytes.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* key = nullptr;
  auto list = parameters;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, list.data()) != 1) return nullptr;
  return Key(key);
}

// True when `der` is the one accepted spelling: encoding the parsed signature gives the same bytes,
// and s is the lower one of its two possible values.
bool canonical(ByteView der) {
  if (der.empty() || der.size() > kMaxDer) return false;
  const unsigned char* at = der.data();
  const EcdsaSignature parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!parsed || at != der.data() + der.size()) return false;
  std::array<unsigned char, kMaxDer + 8> again{};
  if (i2d_ECDSA_SIG(parsed.get(), nullptr) != static_cast<int>(der.size())) return false;
  unsigned char* out = again.data();
  i2d_ECDSA_SIG(parsed.get(), &out);
  if (!std::equal(der.begin(), der.end(), again.begin())) return false;
  const Curve curve(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const Number half(curve ? BN_dup(EC_GROUP_get0_order(curve.get())) : nullptr);
  return half && BN_rshift1(half.get(), half.get()) == 1 &&
         BN_cmp(ECDSA_SIG_get0_s(parsed.get()), half.get()) <= 0;
}

}  // namespace

bool verify_p256(const P256Point& key, ByteView message, ByteView signature) {
  if (!canonical(signature)) return false;
  const auto imported = import(key);
  const DigestContext context(EVP_MD_CTX_new());
  return imported && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, imported.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace culvert::crypto
