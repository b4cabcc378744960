#include "proto/crypto/x509.hpp"

#include <openssl/x509v3.h>

#include <catch2/catch.hpp>

#include "tests/proto/runtime/stream/tls_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

namespace {

constexpr const char* kSite = "acme.us-east-1.aws.byoc.example.com";
const WallTime kNow = read_clocks().wall;

// Like `openssl verify`: checks the leaf under this one authority for this name.
int verify(const crypto::TlsIdentity& leaf, const crypto::ServerIssuer& issuer,
           const std::string& name) {
  std::unique_ptr<X509_STORE, void (*)(X509_STORE*)> store(X509_STORE_new(), X509_STORE_free);
  X509_STORE_add_cert(store.get(), issuer.identity().chain().front().get());
  std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> context(X509_STORE_CTX_new(),
                                                                     X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), leaf.chain().front().get(), nullptr);
  X509_STORE_CTX_set_default(context.get(), "ssl_server");
  X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(context.get()), name.c_str(), 0);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

}  // namespace

TEST_CASE("a leaf inside the site verifies, outside it does not", "[runtime][x509]") {
  const auto issuer = crypto::ServerIssuer::make(kSite, 24h, kNow);
  const std::string inside = std::string("api.") + kSite;
  CHECK(verify(issuer.issue(inside, 1h, kNow), issuer, inside) == X509_V_OK);
  CHECK(verify(issuer.issue(kSite, 1h, kNow), issuer, kSite) == X509_V_OK);
  for (const std::string outside :
       {"api.other.example", "www.google.com", "evilacme.us-east-1.aws.byoc.example.com"}) {
    CAPTURE(outside);
    CHECK(verify(issuer.issue(outside, 1h, kNow), issuer, outside) ==
          X509_V_ERR_PERMITTED_VIOLATION);
  }
  CHECK(verify(issuer.issue(inside, 1h, kNow), issuer, std::string("db.") + kSite) ==
        X509_V_ERR_HOSTNAME_MISMATCH);
  // pathlen 0: an issuer under the issuer is not valid (here the leaf is not even a CA).
  const auto other = crypto::ServerIssuer::make(kSite, 24h, kNow);
  CHECK(verify(issuer.issue(inside, 1h, kNow), other, inside) != X509_V_OK);
}

TEST_CASE("a TLS client that trusts the issuer refuses names outside", "[runtime][x509][tls]") {
  Loop loop;
  const auto issuer = crypto::ServerIssuer::make(kSite, 24h, kNow);
  const bool inside = GENERATE(true, false);
  const std::string name = inside ? std::string("api.") + kSite : "api.other.example";
  TlsPair pair(loop, serve(issuer.issue(name, 1h, kNow)), trusting(issuer.certificate_pem(), name));
  pair.client.write("hello");
  RUN_UNTIL(loop, pair.client.closed || pair.server.got == "hello");
  CHECK(pair.client.closed.has_value() != inside);
  if (!inside) CHECK(pair.client.closed->message == "TLS: permitted subtree violation");
}

TEST_CASE("names too long for a common name still get a certificate", "[runtime][x509]") {
  const auto issuer = crypto::ServerIssuer::make(kSite, 24h, kNow);
  const std::string name = std::string(60, 'a') + "." + kSite;
  CHECK(verify(issuer.issue(name, 1h, kNow), issuer, name) == X509_V_OK);
}

TEST_CASE("lifetimes and serials are as stated", "[runtime][x509]") {
  const auto issuer = crypto::ServerIssuer::make(kSite, 48h, kNow);
  const std::string name = std::string("api.") + kSite;
  const auto leaf = issuer.issue(name, std::chrono::hours{1000}, kNow);
  CHECK(leaf.not_after() == kNow + crypto::kMaxLeafLifetime);
  CHECK(issuer.issue(name, 24h, kNow + std::chrono::hours{40}).not_after() ==
        issuer.identity().not_after());
  const ASN1_INTEGER* serial = X509_get0_serialNumber(leaf.chain().front().get());
  CHECK(ASN1_STRING_length(serial) <= 16);
  CHECK(ASN1_STRING_length(serial) >= 12);  // random: shorter serials occur once in 2^32
  tm from{};
  REQUIRE(ASN1_TIME_to_tm(X509_get0_notBefore(leaf.chain().front().get()), &from) == 1);
  CHECK(timegm(&from) == kNow.seconds - 60);
  const auto numbered = crypto::self_signed({"derpkey00", 1h, 2}, kNow);
  CHECK(ASN1_INTEGER_get(X509_get0_serialNumber(numbered.chain().front().get())) == 2);
}

TEST_CASE("identities survive PEM; wrong pairs and garbage are refused", "[runtime][x509]") {
  const auto issuer = crypto::ServerIssuer::make(kSite, 24h, kNow);
  const auto leaf = issuer.issue(kSite, 1h, kNow);
  const auto again = crypto::TlsIdentity::from_pem(leaf.certificates_pem(), leaf.key_pem());
  REQUIRE(again);
  CHECK(again->certificate_sha256() == leaf.certificate_sha256());
  CHECK(again->chain().size() == 2);
  CHECK_FALSE(crypto::TlsIdentity::from_pem(leaf.certificates_pem(), issuer.identity().key_pem()));
  CHECK_FALSE(crypto::TlsIdentity::from_pem("", leaf.key_pem()));
  CHECK_FALSE(crypto::TlsIdentity::from_pem(leaf.certificates_pem(), "garbage"));
  CHECK(crypto::der_to_pem(leaf.certificate_der()) + issuer.certificate_pem() ==
        leaf.certificates_pem());
  CHECK(crypto::pem_to_der(leaf.certificates_pem()) == leaf.certificate_der());
  CHECK(crypto::pem_to_der("garbage").empty());
  CHECK(crypto::der_to_pem(view("garbage")).empty());
  CHECK(crypto::certificate_sha256(leaf.certificates_pem()) == leaf.certificate_sha256());
}

TEST_CASE("an issuer is accepted for its own site only", "[runtime][x509]") {
  const auto issuer = crypto::ServerIssuer::make(kSite, 24h, kNow);
  const auto good = crypto::check_issuer(issuer.certificate_pem(), kSite);
  REQUIRE(good);
  CHECK(*good == issuer.key_hash());
  const auto reread =
      crypto::ServerIssuer::from_pem(issuer.certificate_pem(), issuer.identity().key_pem());
  REQUIRE(reread);
  CHECK(reread->key_hash() == issuer.key_hash());
  CHECK_FALSE(crypto::check_issuer(issuer.certificate_pem(), "other.example"));
  CHECK_FALSE(crypto::check_issuer(issuer.certificate_pem(), "example.com"));
  CHECK_FALSE(crypto::check_issuer("", kSite));
  CHECK_FALSE(crypto::check_issuer(issuer.issue(kSite, 1h, kNow).certificates_pem(), kSite));
  CHECK_FALSE(
      crypto::check_issuer(crypto::self_signed({kSite, 1h, {}}, kNow).certificates_pem(), kSite));
}
