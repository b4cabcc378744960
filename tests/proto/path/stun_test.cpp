// STUN against RFC 5769's vectors, then round trips and every way a message can be wrong.
#include <catch2/catch.hpp>

#include "proto/path/stun.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::path;

namespace {

Bytes hex(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  const auto bytes = from_hex(text);
  REQUIRE(bytes);
  return *bytes;
}

const char* const kTransaction = "b7e7a701bc34d686fa87dfae";

// RFC 5769 §2.1: a request with ICE's PRIORITY, USERNAME, MESSAGE-INTEGRITY and FINGERPRINT.
const char* const kSampleRequest = R"(
  00010058 2112a442 b7e7a701bc34d686fa87dfae
  80220010 5354554e207465737420636c69656e74
  00240004 6e0001ff
  80290008 932ff9b151263b36
  00060009 6576746a3a68367659202020
  00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
  80280004 e57a3bcf)";
// §2.2 and §2.3: responses with an IPv4 and an IPv6 address.
const char* const kSampleResponse4 = R"(
  0101003c 2112a442 b7e7a701bc34d686fa87dfae
  8022000b 7465737420766563746f7220
  00200008 0001a147e112a643
  00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
  80280004 c07d4c96)";
const char* const kSampleResponse6 = R"(
  01010048 2112a442 b7e7a701bc34d686fa87dfae
  8022000b 7465737420766563746f7220
  00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
  00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
  80280004 c8fb0b4c)";

}  // namespace

TEST_CASE("stun: RFC 5769 responses") {
  struct Case {
    const char* message;
    const char* mapped;
  };
  for (const auto& c : {Case{kSampleResponse4, "192.0.2.1:32853"},
                        Case{kSampleResponse6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"}}) {
    const auto response = parse_stun_response(hex(c.message));
    REQUIRE(response);
    CHECK(response->transaction.hex() == kTransaction);
    CHECK(format(response->mapped) == c.mapped);
  }
}

TEST_CASE("stun: RFC 5769 request is understood; its unknown required attribute is refused") {
  const auto request = parse_stun_request(hex(kSampleRequest));
  REQUIRE(request);
  CHECK(request->transaction.hex() == kTransaction);
  CHECK(request->fingerprint);
  CHECK(request->unknown_required == std::vector<std::uint16_t>{0x0024});

  const auto answer = stun_answer(*request, *parse_endpoint("192.0.2.1:32853"));
  const auto response = parse_stun_response(answer);
  REQUIRE_FALSE(response);
  CHECK(response.error().code == ErrorCode::kDenied);
  CHECK(response.error().message.find("420") != std::string::npos);
}

TEST_CASE("stun: every bit is covered by the fingerprint, as long as there is one") {
  const auto good = hex(kSampleRequest);
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    auto bad = good;
    bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ (1U << (i % 8)));
    const auto parsed = parse_stun_request(bad);
    CHECK((!parsed || !parsed->fingerprint));
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(parse_stun_request(ByteView(good).first(size)));
  }
}

TEST_CASE("stun: question and answer") {
  SeededRng rng(1);
  for (const char* from : {"203.0.113.9:1", "[2001:db8::9]:65535", "10.1.2.3:3478"}) {
    const auto transaction = new_stun_transaction(rng);
    const auto question = stun_request(transaction);
    CHECK(is_stun(question));
    const auto request = parse_stun_request(question);
    REQUIRE(request);
    CHECK(request->fingerprint);
    CHECK(request->unknown_required.empty());
    const auto response = parse_stun_response(stun_answer(*request, *parse_endpoint(from)));
    REQUIRE(response);
    CHECK(response->transaction == transaction);
    CHECK(format(response->mapped) == from);
  }
}

TEST_CASE("stun: a client without fingerprint gets an answer without one") {
  // The request of stunclient and turnutils_stunclient: a header without attributes.
  const auto request = parse_stun_request(hex("000100002112a442b7e7a701bc34d686fa87dfae"));
  REQUIRE(request);
  CHECK_FALSE(request->fingerprint);
  const auto answer = stun_answer(*request, *parse_endpoint("192.0.2.1:32853"));
  CHECK(to_hex(answer) == "0101000c2112a442b7e7a701bc34d686fa87dfae002000080001a147e112a643");
}

TEST_CASE("stun: MAPPED-ADDRESS alone serves too") {
  const auto response = parse_stun_response(
      hex("0101000c2112a442b7e7a701bc34d686fa87dfae 00010008 00018055c0000201"));
  REQUIRE(response);
  CHECK(format(response->mapped) == "192.0.2.1:32853");
}

TEST_CASE("stun: malformed messages") {
  const std::string head = "2112a442b7e7a701bc34d686fa87dfae";
  struct Case {
    const char* why;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"empty", ""},
      {"header cut short", "000100002112a442b7e7a701"},
      {"wrong cookie", "000100002112a443b7e7a701bc34d686fa87dfae"},
      {"top bits set", "80010000" + head},
      {"length too long", "00010004" + head},
      {"length not of 4", "00010003" + head + "800000"},
      {"attribute longer than message", "00010008" + head + "8022000511223344"},
      {"attribute header cut short", "00010004" + head + "8022ffff"},
      {"wrong fingerprint", "00010008" + head + "8028000400000000"},
      {"not a binding", "00030000" + head},
      {"an indication", "00110000" + head},
  };
  for (const auto& c : cases) {
    INFO(c.why);
    CHECK_FALSE(parse_stun_request(hex(c.message)));
    CHECK_FALSE(parse_stun_response(hex(c.message)));
  }
  CHECK_FALSE(parse_stun_response(hex("01010000" + head)));  // no address
  CHECK_FALSE(parse_stun_response(hex("0101000c" + head + "0020000800030000e112a643")));  // family
  CHECK_FALSE(parse_stun_response(hex("0101000c" + head + "0020000800020000e112a643")));  // size
}
