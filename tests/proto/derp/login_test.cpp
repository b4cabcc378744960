#include "proto/derp/login.hpp"

#include <catch2/catch.hpp>

#include "proto/crypto/box.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::derp;

namespace {

// A sealed ClientInfo payload with the given JSON.
Bytes sealed_json(const RelayKeyPair& from, const crypto::RelayKey& to, std::string_view json) {
  Bytes out = to_bytes(from.public_key.view());
  const Bytes nonce(24, 9);
  append(out, nonce);
  append(out, crypto::BoxKey::between(from.secret, to.view())->seal(nonce, view(json)));
  return out;
}

}  // namespace

TEST_CASE("derp login: ClientInfo and ServerInfo survive the box") {
  SeededRng rng(1);
  const auto client = RelayKeyPair::generate(rng);
  const auto relay = RelayKeyPair::generate(rng);
  ClientInfo info;
  info.ticket = "culvert/ticket/v1\nnode: x\n\n— t AAAA\n";
  info.challenge = Challenge{rng.array<32>()};
  const auto opened =
      open_client_info(seal_client_info(info, client, relay.public_key, rng), relay);
  REQUIRE(opened);
  CHECK(opened->client == client.public_key);
  CHECK(opened->info == info);

  const ServerInfo server{2, 1'000'000, 2'000'000};
  const auto sealed = seal_server_info(server, relay, client.public_key, rng);
  CHECK(open_server_info(sealed, client, relay.public_key).value() == server);
  // A box made with another key than the relay's.
  const auto other = RelayKeyPair::generate(rng);
  const auto forged = open_server_info(sealed, client, other.public_key);
  REQUIRE_FALSE(forged);
  CHECK(forged.error().code == ErrorCode::kUnverified);
}

TEST_CASE("derp login: stock JSON is understood") {
  SeededRng rng(2);
  const auto client = RelayKeyPair::generate(rng);
  const auto relay = RelayKeyPair::generate(rng);
  const auto opened = open_client_info(
      sealed_json(client, relay.public_key,
                  R"({"version":2,"CanAckPings":true,"IsProber":false,"Later":[1]})"),
      relay);
  REQUIRE(opened);
  CHECK(opened->info.can_ack_pings);
  CHECK(opened->info.ticket.empty());
  CHECK_FALSE(opened->info.challenge);
}

TEST_CASE("derp login: every malformed ClientInfo is refused") {
  SeededRng rng(3);
  const auto client = RelayKeyPair::generate(rng);
  const auto relay = RelayKeyPair::generate(rng);
  for (const char* json :
       {"", "{", "[]", "null", "2", R"({"version":1})", R"({"version":"2"})", R"({"version":-2})",
        R"({"version":2.0})", R"({"version":99999999})", R"({})", R"({"version":2,"ticket":7})",
        R"({"version":2,"CanAckPings":"yes"})", R"({"version":2,"meshKey":null})",
        R"({"version":2,"challenge":"00"})", R"({"version":2,"challenge":["a"]})",
        "{\"version\":2,\"ticket\":\"\xff\"}", R"({"version":2,"challenge":"zz"})"}) {
    const auto opened = open_client_info(sealed_json(client, relay.public_key, json), relay);
    INFO(json);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::kInvalid);
  }
  // Any changed byte of the box, and any shorter payload.
  const auto good = sealed_json(client, relay.public_key, R"({"version":2})");
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] ^= 1U;  // (the top bit of the key would not matter: RFC 7748 §5)
    CHECK_FALSE(open_client_info(bad, relay));
    CHECK_FALSE(open_client_info(ByteView(good).first(at), relay));
  }
  auto low_order = good;
  std::fill(low_order.begin(), low_order.begin() + 32, std::uint8_t{0});
  CHECK_FALSE(open_client_info(low_order, relay));
}
