#include "proto/crypto/x509.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "proto/core/endpoint.hpp"
#include "proto/crypto/hash.hpp"

namespace culvert::crypto {
namespace {

constexpr std::size_t kMaxCommonName = 64;  // ub-common-name, RFC 5280 appendix A.1
constexpr std::chrono::seconds kBackdated{60};
constexpr std::size_t kMaxChain = 8;

template <auto free_function>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Free<BIO_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;
using CertificatePtr = std::shared_ptr<X509>;
using KeyPtr = std::shared_ptr<EVP_PKEY>;

// For libcrypto calls that fail only for lack of memory or by misuse: no caller could handle that,
// so the program ends.
void must(bool done) {
  if (done) return;
  ERR_print_errors_fp(stderr);
  std::fputs("x509: a call that cannot fail has failed\n", stderr);
  std::abort();
}

CertificatePtr own(X509* raw) { return {raw, X509_free}; }

KeyPtr make_key() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  must(key != nullptr);
  return {key, EVP_PKEY_free};
}

BioPtr reader(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}
std::string taken(const BioPtr& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Bytes to_der(X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509(certificate, &raw);
  must(size > 0);
  Bytes out(raw, raw + size);
  OPENSSL_free(raw);
  return out;
}

Hash hash_of_key(X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &raw);
  must(size > 0);
  const auto out = crypto::sha256(ByteView(raw, static_cast<std::size_t>(size)));
  OPENSSL_free(raw);
  return out;
}

std::vector<CertificatePtr> read_certificates(std::string_view pem) {
  std::vector<CertificatePtr> out;
  const auto bio = reader(pem);
  while (out.size() < kMaxChain) {
    X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr);
    if (next == nullptr) break;
    out.push_back(own(next));
  }
  ERR_clear_error();  // the error "no start line" ends every list of PEM certificates
  return out;
}

ExtensionPtr extension(int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, nullptr, nullptr, nullptr, nullptr, 0);
  return ExtensionPtr(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
}

void add(X509* to, const ExtensionPtr& what) {
  must(what != nullptr && X509_add_ext(to, what.get(), -1) == 1);
}
void add_key_identifier(X509* to) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, to, to, nullptr, nullptr, 0);
  add(to, ExtensionPtr(X509V3_EXT_conf_nid(nullptr, &context, NID_subject_key_identifier, "hash")));
}
void add_issuer_identifier(X509* to, X509* issuer) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  add(to,
      ExtensionPtr(X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid")));
}

bool is_dns_name(std::string_view name) {
  return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           (c >= 'A' && c <= 'Z');
  });
}

void set_serial(X509* to, std::optional<std::uint64_t> fixed) {
  NumberPtr number(BN_new());
  if (fixed) {
    must(BN_set_word(number.get(), *fixed) == 1);
  } else {
    std::array<unsigned char, 16> raw{};
    must(RAND_bytes(raw.data(), raw.size()) == 1);
    must(BN_bin2bn(raw.data(), raw.size(), number.get()) != nullptr);
  }
  must(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(to)) != nullptr);
}

void set_times(X509* to, WallTime now, WallTime end) {
  must(ASN1_TIME_set(X509_getm_notBefore(to), (now - kBackdated).seconds) != nullptr);
  must(ASN1_TIME_set(X509_getm_notAfter(to), end.seconds) != nullptr);
}

// A certificate with version 3, serial, times, subject and key. The caller adds issuer, extensions
// and signature.
CertificatePtr begin_certificate(const std::string& common_name, EVP_PKEY* key, WallTime now,
                                 WallTime end, std::optional<std::uint64_t> serial) {
  auto out = own(X509_new());
  must(out != nullptr && X509_set_version(out.get(), X509_VERSION_3) == 1);
  set_serial(out.get(), serial);
  set_times(out.get(), now, end);
  must(X509_set_pubkey(out.get(), key) == 1);
  if (common_name.size() <= kMaxCommonName) {
    must(X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1);
  }
  return out;
}

void sign_certificate(X509* certificate, X509* issuer, EVP_PKEY* key) {
  must(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1);
  must(X509_sign(certificate, key, EVP_sha256()) > 0);
}

std::string subject_alt_name(const std::string& name, bool critical) {
  return (critical ? "critical,DNS:" : "DNS:") + name;
}

// The extensions of the issuer certificate of one site; check_issuer compares them byte for byte.
std::vector<ExtensionPtr> issuer_extensions(const std::string& site) {
  std::vector<ExtensionPtr> out;
  out.push_back(extension(NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  out.push_back(extension(NID_key_usage, "critical,keyCertSign"));
  out.push_back(extension(NID_ext_key_usage, "serverAuth"));
  out.push_back(extension(
      NID_name_constraints,
      "critical,permitted;DNS:" + site + ",excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::"));
  return out;
}

bool same_extension(const X509_EXTENSION* a, const X509_EXTENSION* b) {
  return X509_EXTENSION_get_critical(a) == X509_EXTENSION_get_critical(b) &&
         ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(const_cast<X509_EXTENSION*>(a)),
                               X509_EXTENSION_get_data(const_cast<X509_EXTENSION*>(b))) == 0;
}

}  // namespace

TlsIdentity::TlsIdentity(std::vector<std::shared_ptr<x509_st>> chain,
                         std::shared_ptr<evp_pkey_st> key)
    : chain_(std::move(chain)), key_(std::move(key)) {
  must(!chain_.empty() && key_ != nullptr);
}

Result<TlsIdentity> TlsIdentity::from_pem(std::string_view certificates, std::string_view key) {
  auto chain = read_certificates(certificates);
  if (chain.empty()) return fail(ErrorCode::kInvalid, "no certificate in the PEM text");
  KeyPtr secret(PEM_read_bio_PrivateKey(reader(key).get(), nullptr, nullptr, nullptr),
                EVP_PKEY_free);
  ERR_clear_error();
  if (!secret) return fail(ErrorCode::kInvalid, "no private key in the PEM text");
  if (X509_check_private_key(chain.front().get(), secret.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kInvalid, "the private key is not the certificate's");
  }
  return TlsIdentity(std::move(chain), std::move(secret));
}

std::string TlsIdentity::certificates_pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  for (const auto& certificate : chain_) {
    must(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
  }
  return taken(bio);
}

std::string TlsIdentity::key_pem() const {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  must(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                     nullptr) == 1);
  return taken(bio);
}

Bytes TlsIdentity::certificate_der() const { return to_der(chain_.front().get()); }
Hash TlsIdentity::certificate_sha256() const { return crypto::sha256(certificate_der()); }

WallTime TlsIdentity::not_after() const {
  tm parts{};
  must(ASN1_TIME_to_tm(X509_get0_notAfter(chain_.front().get()), &parts) == 1);
  return WallTime{timegm(&parts)};
}

TlsIdentity TlsIdentity::with_chain(const TlsIdentity& more) const {
  TlsIdentity out = *this;
  out.chain_.insert(out.chain_.end(), more.chain_.begin(), more.chain_.end());
  return out;
}

TlsIdentity self_signed(const SelfSigned& what, WallTime now) {
  auto key = make_key();
  auto out = begin_certificate(what.common_name, key.get(), now, now + what.lifetime, what.serial);
  add(out.get(), extension(NID_basic_constraints, "critical,CA:FALSE"));
  add(out.get(), extension(NID_ext_key_usage, "serverAuth"));
  if (parse_address(what.common_name)) {
    add(out.get(), extension(NID_subject_alt_name, "IP:" + what.common_name));
  } else if (is_dns_name(what.common_name)) {
    add(out.get(), extension(NID_subject_alt_name, subject_alt_name(what.common_name, false)));
  }
  add_key_identifier(out.get());
  sign_certificate(out.get(), out.get(), key.get());
  return TlsIdentity({std::move(out)}, std::move(key));
}

ServerIssuer ServerIssuer::make(const std::string& site_fqdn, std::chrono::seconds lifetime,
                                WallTime now) {
  must(is_dns_name(site_fqdn));
  auto key = make_key();
  std::array<std::uint8_t, 8> tag{};  // random, so that two issuers never have the same name
  must(RAND_bytes(tag.data(), tag.size()) == 1);
  auto out =
      begin_certificate("Culvert server issuer " + to_hex(tag), key.get(), now, now + lifetime, {});
  for (const auto& extension : issuer_extensions(site_fqdn)) add(out.get(), extension);
  add_key_identifier(out.get());
  sign_certificate(out.get(), out.get(), key.get());
  return ServerIssuer(TlsIdentity({std::move(out)}, std::move(key)));
}

Result<ServerIssuer> ServerIssuer::from_pem(std::string_view certificate, std::string_view key) {
  auto identity = TlsIdentity::from_pem(certificate, key);
  if (!identity) return fail_with(identity.error());
  return ServerIssuer(std::move(*identity));
}

TlsIdentity ServerIssuer::issue(const std::string& fqdn, std::chrono::seconds lifetime,
                                WallTime now) const {
  must(is_dns_name(fqdn));
  const auto bounded = std::min<std::chrono::seconds>(lifetime, kMaxLeafLifetime);
  const auto end = std::min(now + bounded, identity_.not_after());
  auto key = make_key();
  auto out = begin_certificate(fqdn, key.get(), now, end, {});
  X509* issuer = identity_.chain().front().get();
  add(out.get(), extension(NID_basic_constraints, "critical,CA:FALSE"));
  add(out.get(), extension(NID_key_usage, "critical,digitalSignature"));
  add(out.get(), extension(NID_ext_key_usage, "serverAuth"));
  add(out.get(),
      extension(NID_subject_alt_name, subject_alt_name(fqdn, fqdn.size() > kMaxCommonName)));
  add_issuer_identifier(out.get(), issuer);
  sign_certificate(out.get(), issuer, identity_.key());
  return TlsIdentity({std::move(out)}, std::move(key)).with_chain(identity_);
}

Hash ServerIssuer::key_hash() const { return hash_of_key(identity_.chain().front().get()); }

Result<Hash> check_issuer(std::string_view certificate_pem, std::string_view site_fqdn) {
  const auto refuse = [](const char* why) {
    return fail(ErrorCode::kUnverified, std::string("server issuer: ") + why);
  };
  const auto list = read_certificates(certificate_pem);
  if (list.size() != 1 || !is_dns_name(site_fqdn)) return refuse("not one certificate");
  X509* certificate = list.front().get();
  if (X509_verify(certificate, X509_get0_pubkey(certificate)) != 1) {
    ERR_clear_error();
    return refuse("not signed by its own key");
  }
  const auto expected = issuer_extensions(std::string(site_fqdn));
  for (const auto& want : expected) {
    const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(want.get()));
    const int at = X509_get_ext_by_NID(certificate, nid, -1);
    if (at < 0 || !same_extension(X509_get_ext(certificate, at), want.get())) {
      return refuse("its constraints are not those of the site");
    }
  }
  const int others = X509_get_ext_count(certificate) - static_cast<int>(expected.size());
  if (others != 1 || X509_get_ext_by_NID(certificate, NID_subject_key_identifier, -1) < 0) {
    return refuse("it holds more than the site's constraints");
  }
  return hash_of_key(certificate);
}

Bytes pem_to_der(std::string_view certificate_pem) {
  const auto list = read_certificates(certificate_pem);
  return list.empty() ? Bytes{} : to_der(list.front().get());
}

std::string der_to_pem(ByteView certificate_der) {
  const unsigned char* at = certificate_der.data();
  const auto certificate = own(d2i_X509(nullptr, &at, static_cast<long>(certificate_der.size())));
  ERR_clear_error();
  if (!certificate || at != certificate_der.data() + certificate_der.size()) return {};
  const BioPtr bio(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
  return taken(bio);
}

Hash certificate_sha256(std::string_view certificate_pem) {
  return crypto::sha256(pem_to_der(certificate_pem));
}

}  // namespace culvert::crypto
