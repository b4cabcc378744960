// Signature lines by passkeys. The test makes them with libcrypto, in the way of an authenticator.
#include "proto/note/passkey.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "proto/crypto/hash.hpp"
#include "proto/note/client_data.hpp"
#include "proto/note/note.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;

namespace {

constexpr const char* kText = "culvert/example/v1\nfield: value\n";

class Authenticator {
 public:
  Authenticator() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free) {
    EVP_PKEY_set_utf8_string_param(key_.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                   "compressed");
    std::size_t size = 0;
    REQUIRE(EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                            point_.bytes.data(), point_.bytes.size(), &size) == 1);
    REQUIRE(size == point_.bytes.size());
  }
  const crypto::P256Point& point() const { return point_; }

  // A DER signature with the lower or the upper s.
  Bytes sign(ByteView message, bool low) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    REQUIRE(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
    std::size_t size = 0;
    EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size());
    Bytes out(size);
    REQUIRE(EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1);
    out.resize(size);
    return with_s(out, low);
  }

 private:
  static Bytes with_s(const Bytes& der, bool low) {
    const unsigned char* at = der.data();
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parsed(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
    const std::unique_ptr<EC_GROUP, decltype(&EC_GROUP_free)> curve(
        EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), EC_GROUP_free);
    const auto* order = EC_GROUP_get0_order(curve.get());
    auto* other = BN_new();
    BN_sub(other, order, ECDSA_SIG_get0_s(parsed.get()));
    const bool is_low = BN_cmp(ECDSA_SIG_get0_s(parsed.get()), other) < 0;
    if (is_low == low) {
      BN_free(other);
      return der;
    }
    ECDSA_SIG_set0(parsed.get(), BN_dup(ECDSA_SIG_get0_r(parsed.get())), other);
    Bytes out(static_cast<std::size_t>(i2d_ECDSA_SIG(parsed.get(), nullptr)));
    auto* to = out.data();
    i2d_ECDSA_SIG(parsed.get(), &to);
    return out;
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  crypto::P256Point point_;
};

// The input and output of an authenticator; each test changes one member.
struct Assertion {
  std::string party = "localhost";
  std::uint8_t flags = 0x05;
  std::string challenge = note::passkey_challenge(kText);
  std::string client_data;  // empty: the usual client data
  bool low = true;
  std::size_t more = 0;  // bytes of extensions after the counter

  std::string usual() const {
    return R"({"type":"webauthn.get","challenge":")" + challenge +
           R"(","origin":"http://localhost:7080","crossOrigin":false})";
  }
  Bytes make(const Authenticator& by) const {
    const auto json = client_data.empty() ? usual() : client_data;
    auto data = to_bytes(crypto::sha256(view(party)).view());
    data.push_back(flags);
    data.insert(data.end(), 4 + more, 7);
    auto message = data;
    append(message, crypto::sha256(view(json)).view());
    Bytes out;
    const auto field = [&](ByteView bytes) {
      out.push_back(static_cast<std::uint8_t>(bytes.size() >> 8U));
      out.push_back(static_cast<std::uint8_t>(bytes.size()));
      append(out, bytes);
    };
    field(data);
    field(view(json));
    append(out, by.sign(message, low));
    return out;
  }
};

bool counts(const Authenticator& by, const Assertion& assertion) {
  return note::verify_passkey(by.point(), kText, assertion.make(by));
}

note::SignatureLine line(const Authenticator& by, const std::string& name) {
  return {name, note::key_id(name, crypto::PublicKey(by.point())), Assertion{}.make(by)};
}

}  // namespace

TEST_CASE("passkey: what counts, and what an authenticator must have said") {
  const Authenticator by;
  Assertion good;
  CHECK(counts(by, good));
  good.more = 100;
  CHECK(counts(by, good));
  CHECK_FALSE(note::verify_passkey(Authenticator{}.point(), kText, good.make(by)));
  CHECK_FALSE(
      note::verify_passkey(by.point(), "culvert/example/v1\nfield: other\n", good.make(by)));
  for (const std::uint8_t flags : Bytes{0x00, 0x01, 0x04, 0xFA}) {
    Assertion other;
    other.flags = flags;
    CHECK_FALSE(counts(by, other));
  }
  Assertion bad;
  bad.party = "evil.example";
  CHECK_FALSE(counts(by, bad));
  bad = {};
  bad.low = false;  // the upper s: a second form of the same signature
  CHECK_FALSE(counts(by, bad));
  bad = {};
  bad.more = 2000;
  CHECK_FALSE(counts(by, bad));
}

TEST_CASE("passkey: client data that say something else") {
  const Authenticator by;
  const auto usual = Assertion{}.usual();
  const auto with = [&](const std::string& what, const std::string& into) {
    auto json = usual;
    const auto at = json.find(what);
    REQUIRE(at != std::string::npos);
    Assertion out;
    out.client_data = json.replace(at, what.size(), into);
    return counts(by, out);
  };
  CHECK(with(",\"crossOrigin\":false", ""));
  CHECK(with("false}", "false,\"other\":{\"a\":[1,2.5e3,null,\"\\u00e9\"]}}"));
  CHECK(with("{\"type\"", " {\n\"\\u0074ype\""));  // the same name with an escape
  CHECK_FALSE(with("webauthn.get", "webauthn.create"));
  CHECK_FALSE(with("false", "true"));
  CHECK_FALSE(with("false", "\"false\""));
  CHECK_FALSE(with("false}", "false,\"topOrigin\":\"http://localhost:7080\"}"));
  CHECK_FALSE(with("false}", "false,\"type\":\"webauthn.get\"}"));
  CHECK_FALSE(with("false}", "false,\"\\u0074ype\":\"webauthn.get\"}"));
  CHECK_FALSE(with("false}", "false}}"));
  CHECK_FALSE(with("false}", "false,}"));
  CHECK_FALSE(with("false}", "false,\"a\":{\"b\":1,\"b\":2}}"));
  for (const char* origin :
       {"https://localhost:7080", "http://localhost", "http://localhost:", "http://localhost:07080",
        "http://localhost:65536", "http://localhost:7080/", "http://localhost.evil.example:1",
        "http://127.0.0.1:7080"}) {
    CHECK_FALSE(with("http://localhost:7080", origin));
  }
  Assertion other;
  other.challenge = note::passkey_challenge("culvert/example/v1\nfield: other\n");
  CHECK_FALSE(counts(by, other));
  other.challenge = note::passkey_challenge(kText) + "=";
  CHECK_FALSE(counts(by, other));
  other.challenge = note::passkey_challenge(kText);
  other.client_data = other.usual() + std::string(note::kMaxClientData, ' ');
  CHECK_FALSE(counts(by, other));
}

TEST_CASE("passkey: a flipped bit or a cut anywhere counts for nothing") {
  const Authenticator by;
  const auto good = Assertion{}.make(by);
  REQUIRE(note::verify_passkey(by.point(), kText, good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = static_cast<std::uint8_t>(bad[i] ^ 0x01U);
    CHECK_FALSE(note::verify_passkey(by.point(), kText, bad));
    CHECK_FALSE(note::verify_passkey(by.point(), kText, ByteView(good).first(i)));
  }
  auto longer = good;
  longer.push_back(0);
  CHECK_FALSE(note::verify_passkey(by.point(), kText, longer));
}

TEST_CASE("passkey: several good lines count once, a bad one spoils the note, merging keeps one") {
  const Authenticator by;
  SeededRng rng(3);
  const auto alice = crypto::SigningKey::generate(rng);
  const std::vector<note::KnownKey> known = {{"alice", alice.public_key()},
                                             {"bob", crypto::PublicKey(by.point())}};
  note::Note note{kText, {note::sign(kText, "alice", alice), line(by, "bob"), line(by, "bob")}};
  const auto signers = note::verify(note, known);
  REQUIRE(signers);
  CHECK(*signers == known);
  const auto kept = note::keep_known(note, known);
  REQUIRE(kept);
  CHECK(kept->signatures.size() == 2);
  CHECK(kept->signatures[1] == note.signatures[1]);
  const auto parsed = note::parse(note::render(note));
  REQUIRE(parsed);
  CHECK(*parsed == note);
  auto bad = note;
  bad.signatures[2].signature.back() ^= 1U;
  CHECK(note::verify(bad, known).error().code == ErrorCode::kUnverified);
  // An Ed25519 key with the same bytes as the point is a different key with a different id.
  CHECK(note::key_id("bob", alice.public_key()) !=
        note::key_id("bob", crypto::PublicKey(by.point())));
}

TEST_CASE("client data: strict JSON") {
  const std::string members = R"("type":"a","challenge":"b","origin":"c")";
  const auto parse = [&](const std::string& json) {
    return note::parse_client_data(json).has_value();
  };
  CHECK(parse("{" + members + "}"));
  CHECK(parse("{" + members + R"(,"x":[[[[[[[1]]]]]]]})"));
  CHECK(parse("{" + members + R"(,"x":-0.5E+2,"y":[],"z":{},"k":"\ud83d\udd11\"\\\/\b\f\n\r\t"})"));
  const std::vector<std::string> bad = {"",
                                        "{}",
                                        "[]",
                                        "null",
                                        "{" + members,
                                        members,
                                        "{" + members + ",}",
                                        "{" + members + R"(,"x":[[[[[[[[[1]]]]]]]]]})",  // too deep
                                        "{" + members + R"(,"x":01})",
                                        "{" + members + R"(,"x":1.})",
                                        "{" + members + R"(,"x":.5})",
                                        "{" + members + R"(,"x":1e})",
                                        "{" + members + R"(,"x":+1})",
                                        "{" + members + R"(,"x":nul})",
                                        "{" + members + R"(,"x":"\ud83d"})",
                                        "{" + members + R"(,"x":"\udd11"})",
                                        "{" + members + R"(,"x":"\x41"})",
                                        "{" + members + R"(,"x":"\u00g0"})",
                                        "{" + members + ",\"x\":\"a\nb\"}",
                                        "{" + members + ",\"x\":\"\xff\"}",
                                        "{" + members + R"(,"crossOrigin":null})",
                                        "{" + members + R"(,"x" 1})",
                                        "{" + members + R"(,x:1})",
                                        "{" + members + "} x",
                                        "\xef\xbb\xbf{" + members + "}"};
  for (const auto& json : bad) {
    INFO(json);
    CHECK_FALSE(parse(json));
  }
  const auto decoded = note::parse_client_data(
      R"({"type":"\u0061\u00e9\ud83d\udd11","challenge":"b","origin":"c","crossOrigin":true})");
  REQUIRE(decoded);
  CHECK(decoded->type == "a\xC3\xA9\xF0\x9F\x94\x91");
  CHECK(decoded->cross_origin);
  CHECK_FALSE(decoded->has_top_origin);
}
