// disco: name → struct → hex as in Tailscale's tests, then boxes and wrong messages.
#include <catch2/catch.hpp>

#include "proto/path/disco.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::path;

namespace {

const std::string kTransactionHex = "0102030405060708090a0b0c";

DiscoTransaction transaction() {
  DiscoTransaction t;
  for (std::size_t i = 0; i < 12; ++i) t.bytes[i] = static_cast<std::uint8_t>(i + 1);
  return t;
}

crypto::WireGuardKey node_key() {
  crypto::WireGuardKey key;
  for (const unsigned i : {1U, 2U, 30U, 31U}) key.bytes[i] = static_cast<std::uint8_t>(i);
  return key;
}
const std::string kNodeHex = "0001020000000000000000000000000000000000000000000000000000001e1f";

Endpoint endpoint(const char* text) { return *parse_endpoint(text); }

}  // namespace

TEST_CASE("disco: messages and their bytes") {
  struct Case {
    const char* name;
    DiscoMessage message;
    std::string hex;
  };
  const std::vector<Case> cases = {
      {"ping", Ping{transaction(), node_key(), 0}, "0100" + kTransactionHex + kNodeHex},
      {"ping with padding", Ping{transaction(), node_key(), 3},
       "0100" + kTransactionHex + kNodeHex + "000000"},
      {"pong v4", Pong{transaction(), endpoint("2.3.4.5:1234")},
       "0200" + kTransactionHex + "00000000000000000000ffff0203040504d2"},
      {"pong v6", Pong{transaction(), endpoint("[fed0::12]:6666")},
       "0200" + kTransactionHex + "fed000000000000000000000000000121a0a"},
      {"call me maybe", CallMeMaybe{}, "0300"},
      {"call me maybe, endpoints",
       CallMeMaybe{{endpoint("1.2.3.4:567"), endpoint("[2001::3456]:789")}},
       "030000000000000000000000ffff010203040237200100000000000000000000000034560315"},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    CHECK(to_hex(encode_disco(c.message)) == c.hex);
    const auto decoded = decode_disco(*from_hex(c.hex));
    REQUIRE(decoded);
    CHECK(*decoded == c.message);
  }
}

TEST_CASE("disco: malformed bodies") {
  const auto ping = encode_disco(Ping{transaction(), node_key(), 0});
  const auto pong = encode_disco(Pong{transaction(), endpoint("2.3.4.5:1234")});
  const auto call = encode_disco(CallMeMaybe{{endpoint("1.2.3.4:567")}});
  for (const auto& whole : {ping, pong}) {
    for (std::size_t n = 0; n < whole.size(); ++n) {
      CHECK_FALSE(decode_disco(ByteView(whole).first(n)));
    }
  }
  for (std::size_t n = 3; n < call.size(); ++n) CHECK_FALSE(decode_disco(ByteView(call).first(n)));
  CHECK_FALSE(decode_disco(*from_hex("0400" + kTransactionHex)));
  CHECK_FALSE(decode_disco(*from_hex("0101" + kTransactionHex + kNodeHex)));  // version 1
  CHECK_FALSE(decode_disco(*from_hex("0000")));
}

TEST_CASE("disco: a call holds a bounded number of endpoints") {
  Bytes body = {3, 0};
  for (int i = 0; i < 60; ++i) append(body, *from_hex("00000000000000000000ffff010203040237"));
  const auto decoded = decode_disco(body);
  REQUIRE(decoded);
  CHECK(std::get<CallMeMaybe>(*decoded).endpoints.size() == kMaxCalledEndpoints);
}

TEST_CASE("disco: boxes") {
  SeededRng rng(7);
  const auto alice = crypto::KeyPair<crypto::DiscoKey>::generate(rng);
  const auto bob = crypto::KeyPair<crypto::DiscoKey>::generate(rng);
  const auto eve = crypto::KeyPair<crypto::DiscoKey>::generate(rng);
  const auto out = *crypto::BoxKey::between(alice.secret, bob.public_key.view());
  const auto in = *crypto::BoxKey::between(bob.secret, alice.public_key.view());
  const auto other = *crypto::BoxKey::between(eve.secret, alice.public_key.view());

  const DiscoMessage message = Ping{transaction(), node_key(), 0};
  const auto sealed = seal_disco(out, alice.public_key, rng, message);
  CHECK(sealed.size() == 62 + 16 + 2 + 12 + 32);
  CHECK(to_hex(ByteView(sealed).first(6)) == "5453f09f92ac");
  CHECK(is_disco(sealed));
  CHECK(disco_sender(sealed) == alice.public_key);
  CHECK(*open_disco(in, sealed) == message);

  CHECK(open_disco(other, sealed).error().code == ErrorCode::kUnverified);
  for (std::size_t i = 0; i < sealed.size() - 38; ++i) {
    auto forged = sealed;
    forged[38 + i] ^= 1;  // nonce, tag or ciphertext
    CHECK(open_disco(in, forged).error().code == ErrorCode::kUnverified);
  }
  for (std::size_t n = 0; n < sealed.size(); ++n) {
    CHECK_FALSE(open_disco(in, ByteView(sealed).first(n)));
  }
}
