// Noise_IK_25519_ChaChaPoly_BLAKE2s: the published vector of the cacophony project
// (vectors/cacophony.txt).
#include "proto/control/noise.hpp"

#include <catch2/catch.hpp>

namespace culvert::control::noise {
namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }
KeyPair pair(std::string_view secret) {
  return KeyPair::from_secret(crypto::Secret32(hex(secret)));
}

struct Exchange {
  std::string_view payload;
  std::string_view ciphertext;
};

constexpr std::string_view kInitiatorStatic =
    "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
constexpr std::string_view kInitiatorEphemeral =
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
constexpr std::string_view kResponderStatic =
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
constexpr std::string_view kResponderEphemeral =
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
constexpr std::string_view kResponderPublic =
    "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
constexpr std::string_view kHandshakeHash =
    "48f3cb8bc9319da4ba1e9933991b1c4ed4034f1f126a76d3a1fbcfd7f94248d4";
constexpr Exchange kMessages[] = {
    {"4c756477696720766f6e204d69736573",
     "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79440b03ddc7aac5123d06a1b23b7167"
     "0e32e76c28239a7ca4ac8f784de7e44c1adbfc6e83fef7352a58d9d56157400c0a737b1d171ce368229c7b752ac2"
     "5b8faf4eca690f6d896f543be02c996ab2b86b76"},
    {"4d757272617920526f746862617264",
     "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843d9b5a8927f0ac9655ef76833bc7e"
     "5561f42e691ac8404efd6fbd6308b6a27c"},
    {"462e20412e20486179656b", "2c256ed08fcd08c2980f954ee4beaccb61c9581340f5dd2fd1cf3b"},
    {"4361726c204d656e676572", "d6033f70eee20945c7c9dba304e397ee3b284ff5e00fd9efb095d3"},
    {"4a65616e2d426170746973746520536179",
     "a9c068ca5d8babf72560652d8e851adbfac35c8a66e810d560863173e96adf4cfe"},
    {"457567656e2042f6686d20766f6e2042617765726b",
     "2a09d8f459e5927e40fdd2eddc99bdafb04e13a26f145cb5cfe9e6ba34c94331ebc17d5156"},
};

TEST_CASE("noise: published IK vector, both sides, byte for byte") {
  const auto prologue = hex("4a6f686e2047616c74");
  auto responder_static = pair(kResponderStatic);
  CHECK(responder_static.public_key.hex() == kResponderPublic);
  Initiator initiator(prologue, pair(kInitiatorStatic), responder_static.public_key,
                      pair(kInitiatorEphemeral));
  Responder responder(prologue, std::move(responder_static), pair(kResponderEphemeral));

  const auto first = initiator.write_first(hex(kMessages[0].payload)).value();
  CHECK(to_hex(first) == kMessages[0].ciphertext);
  CHECK(to_hex(responder.read_first(first).value()) == kMessages[0].payload);
  CHECK(responder.peer() == pair(kInitiatorStatic).public_key);

  const auto second = responder.write_second(hex(kMessages[1].payload)).value();
  CHECK(to_hex(second) == kMessages[1].ciphertext);
  CHECK(to_hex(initiator.read_second(second).value()) == kMessages[1].payload);
  CHECK(to_hex(initiator.hash()) == kHandshakeHash);
  CHECK(responder.hash() == initiator.hash());

  auto [initiator_sends, initiator_receives] = initiator.split();
  auto [responder_receives, responder_sends] = responder.split();
  for (std::size_t i = 2; i < std::size(kMessages); ++i) {
    const bool from_initiator = i % 2 == 0;
    auto& sender = from_initiator ? initiator_sends : responder_sends;
    auto& receiver = from_initiator ? responder_receives : initiator_receives;
    const auto sealed = sender.seal({}, hex(kMessages[i].payload));
    CHECK(to_hex(sealed) == kMessages[i].ciphertext);
    CHECK(to_hex(receiver.open({}, sealed).value()) == kMessages[i].payload);
  }
}

TEST_CASE("noise: a changed bit anywhere in a handshake message is refused") {
  const auto first = hex(kMessages[0].ciphertext);
  for (std::size_t i = 0; i < first.size(); ++i) {
    auto bad = first;
    bad[i] ^= 0x01U;
    Responder responder(hex("4a6f686e2047616c74"), pair(kResponderStatic),
                        pair(kResponderEphemeral));
    CHECK_FALSE(responder.read_first(bad).has_value());
  }
  const auto second = hex(kMessages[1].ciphertext);
  for (std::size_t i = 0; i < second.size(); ++i) {
    auto bad = second;
    bad[i] ^= 0x80U;
    // The top bit of an X25519 public key is ignored (RFC 7748 §5); the hash still covers it.
    Initiator initiator(hex("4a6f686e2047616c74"), pair(kInitiatorStatic),
                        pair(kResponderStatic).public_key, pair(kInitiatorEphemeral));
    REQUIRE(initiator.write_first(hex(kMessages[0].payload)).has_value());
    CHECK_FALSE(initiator.read_second(bad).has_value());
  }
}

TEST_CASE("noise: another prologue, another responder, short and low-order messages are refused") {
  const auto first = hex(kMessages[0].ciphertext);
  Responder other_prologue(hex("00"), pair(kResponderStatic), pair(kResponderEphemeral));
  CHECK_FALSE(other_prologue.read_first(first).has_value());
  Responder other_key(hex("4a6f686e2047616c74"), pair(kInitiatorStatic), pair(kResponderEphemeral));
  CHECK_FALSE(other_key.read_first(first).has_value());
  for (std::size_t size = 0; size < first.size(); ++size) {
    Responder responder(hex("4a6f686e2047616c74"), pair(kResponderStatic),
                        pair(kResponderEphemeral));
    CHECK_FALSE(responder.read_first(ByteView(first).first(size)).has_value());
  }
  auto low_order = first;
  std::fill_n(low_order.begin(), 32, std::uint8_t{0});
  Responder responder(hex("4a6f686e2047616c74"), pair(kResponderStatic), pair(kResponderEphemeral));
  const auto refused = responder.read_first(low_order);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalid);
}

}  // namespace
}  // namespace culvert::control::noise
