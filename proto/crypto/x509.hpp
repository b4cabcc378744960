// The part of X.509 (RFC 5280) that Culvert issues: ECDSA P-256, SHA-256, 128-bit random serials,
// not-before 60 s in the past. No files and no clock: PEM and DER in and out, time as an argument.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/crypto/keys.hpp"

struct evp_pkey_st;
struct x509_st;

namespace culvert::crypto {

inline constexpr std::chrono::hours kMaxLeafLifetime{24};

// A certificate, the chain that a server sends after it, and its private key. Copies of the object
// share all three.
class TlsIdentity {
 public:
  static Result<TlsIdentity> from_pem(std::string_view certificates, std::string_view key);
  TlsIdentity(std::vector<std::shared_ptr<x509_st>> chain, std::shared_ptr<evp_pkey_st> key);

  std::string certificates_pem() const;
  std::string key_pem() const;  // secret: for a 0600 file only
  Bytes certificate_der() const;
  Hash certificate_sha256() const;  // what a client pins
  WallTime not_after() const;
  TlsIdentity with_chain(const TlsIdentity& more) const;  // our certificates, then those of `more`

  const std::vector<std::shared_ptr<x509_st>>& chain() const { return chain_; }
  evp_pkey_st* key() const { return key_.get(); }

 private:
  std::vector<std::shared_ptr<x509_st>> chain_;  // at least the own certificate
  std::shared_ptr<evp_pkey_st> key_;
};

struct SelfSigned {
  std::string common_name;  // also the subjectAltName, when it is a DNS name or an IP address
  std::chrono::seconds lifetime = std::chrono::hours{24 * 365 * 10};
  std::optional<std::uint64_t> serial;  // random otherwise
};
TlsIdentity self_signed(const SelfSigned& what, WallTime now);

// Signs one agent's server certificates. The issuer's own certificate has pathlen 0, EKU serverAuth
// and a critical name constraint: DNS names under the site's FQDN and no IP address. A client that
// trusts the issuer for a site therefore trusts it for nothing else.
class ServerIssuer {
 public:
  static ServerIssuer make(const std::string& site_fqdn, std::chrono::seconds lifetime,
                           WallTime now);
  static Result<ServerIssuer> from_pem(std::string_view certificate, std::string_view key);

  // A leaf certificate for one FQDN. `lifetime` is cut to kMaxLeafLifetime and to the issuer's own
  // end. The name is not checked here: the verifying client checks it by the name constraint.
  TlsIdentity issue(const std::string& fqdn, std::chrono::seconds lifetime, WallTime now) const;

  const TlsIdentity& identity() const { return identity_; }
  std::string certificate_pem() const { return identity_.certificates_pem(); }
  Hash key_hash() const;  // SHA-256 of the SubjectPublicKeyInfo, for `service` statements

 private:
  explicit ServerIssuer(TlsIdentity identity) : identity_(std::move(identity)) {}
  TlsIdentity identity_;
};

// Checks PEM from another party: exactly one issuer certificate that has the extensions of a
// ServerIssuer of `site_fqdn`. Returns the hash of the issuer's key.
Result<Hash> check_issuer(std::string_view certificate_pem, std::string_view site_fqdn);
Bytes pem_to_der(std::string_view certificate_pem);  // empty when the text is no certificate
std::string der_to_pem(ByteView certificate_der);    // empty when the bytes are no certificate
Hash certificate_sha256(std::string_view certificate_pem);

}  // namespace culvert::crypto
