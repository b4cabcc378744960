#include "proto/wireguard/handshake.hpp"

#include <catch2/catch.hpp>
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;

namespace {

// Both sides with fixed keys; each test passes the messages by hand.
struct Pair {
  SeededRng rng{1};
  Identity initiator = Identity::generate(rng);
  Identity responder = Identity::generate(rng);
  PeerKeys to_responder = *PeerKeys::make(initiator, responder.public_key);
  PeerKeys to_initiator = *PeerKeys::make(responder, initiator.public_key);
  Tai64n label{{0x40, 0, 0, 0, 0x65, 0x53, 0xf1, 0x0a, 0, 0, 0, 0}};
};

std::optional<SessionKeys> answer(Pair& pair, const Initiation& initiation, Response& response) {
  auto opened = open_initiation(pair.responder, initiation);
  if (!opened || opened->static_key != pair.initiator.public_key) return std::nullopt;
  if (open_timestamp(*opened, pair.to_initiator) != pair.label) return std::nullopt;
  return respond(std::move(*opened), pair.to_initiator, pair.rng, response);
}

}  // namespace

TEST_CASE("handshake: both sides derive the same keys") {
  for (const bool with_preshared : {false, true}) {
    Pair pair;
    if (with_preshared) {
      pair.to_responder.preshared = crypto::Secret32::random(pair.rng);
      pair.to_initiator.preshared = pair.to_responder.preshared.clone();
    }
    Initiation initiation;
    Response response;
    const auto pending =
        initiate(pair.initiator, pair.to_responder, pair.label, pair.rng, initiation);
    REQUIRE(pending);
    initiation.sender = SessionIndex(77);
    const auto theirs = answer(pair, initiation, response);
    REQUIRE(theirs);
    CHECK(response.receiver == SessionIndex(77));
    const auto ours = finish(*pending, pair.initiator, pair.to_responder, response);
    REQUIRE(ours);
    CHECK(ours->send.equals(theirs->receive));
    CHECK(ours->receive.equals(theirs->send));
    CHECK_FALSE(ours->send.equals(ours->receive));
  }
}

TEST_CASE("handshake: another preshared key is refused by the initiator, who may go on") {
  Pair pair;
  pair.to_responder.preshared = crypto::Secret32::random(pair.rng);
  Initiation initiation;
  Response wrong;
  Response right;
  const auto pending =
      initiate(pair.initiator, pair.to_responder, pair.label, pair.rng, initiation);
  REQUIRE(answer(pair, initiation, wrong));
  CHECK_FALSE(finish(*pending, pair.initiator, pair.to_responder, wrong));
  pair.to_initiator.preshared = pair.to_responder.preshared.clone();
  REQUIRE(answer(pair, initiation, right));
  CHECK(finish(*pending, pair.initiator, pair.to_responder, right));
}

TEST_CASE("handshake: no bit of a message may change") {
  Pair pair;
  Initiation initiation;
  Response response;
  const auto pending =
      initiate(pair.initiator, pair.to_responder, pair.label, pair.rng, initiation);
  REQUIRE(answer(pair, initiation, response));
  Bytes first(kInitiationSize);
  Bytes second(kResponseSize);
  encode(initiation, first);
  encode(response, second);
  int accepted = 0;
  for (std::size_t i = 8; i < kInitiationSize - kMacsSize; ++i) {
    // X25519 ignores the last bit of the ephemeral, but the hash covers the bit.
    auto changed = first;
    changed[i] ^= 0x80U;
    Response ignored;
    if (answer(pair, decode_initiation(changed), ignored)) ++accepted;
  }
  for (std::size_t i = 12; i < kResponseSize - kMacsSize; ++i) {
    auto changed = second;
    changed[i] ^= 0x80U;
    if (finish(*pending, pair.initiator, pair.to_responder, decode_response(changed))) ++accepted;
  }
  CHECK(accepted == 0);
  CHECK(finish(*pending, pair.initiator, pair.to_responder, response));
}

TEST_CASE("handshake: a low-order ephemeral or static key leads nowhere") {
  Pair pair;
  CHECK_FALSE(PeerKeys::make(pair.initiator, crypto::WireGuardKey{}));
  Initiation initiation;
  const auto pending =
      initiate(pair.initiator, pair.to_responder, pair.label, pair.rng, initiation);
  Response response;
  REQUIRE(answer(pair, initiation, response));
  initiation.ephemeral.fill(0);
  CHECK_FALSE(open_initiation(pair.responder, initiation));
  response.ephemeral.fill(0);
  CHECK_FALSE(finish(*pending, pair.initiator, pair.to_responder, response));
}

TEST_CASE("handshake: an initiation for somebody else does not open") {
  Pair pair;
  Initiation initiation;
  const auto other = Identity::generate(pair.rng);
  REQUIRE(initiate(pair.initiator, pair.to_responder, pair.label, pair.rng, initiation));
  CHECK_FALSE(open_initiation(other, initiation));
  auto opened = open_initiation(pair.responder, initiation);
  REQUIRE(opened);
  // The static key is only a claim until the timestamp opens: another peer's keys do not open it.
  const auto wrong = PeerKeys::make(pair.responder, other.public_key);
  CHECK_FALSE(open_timestamp(*opened, *wrong));
}
