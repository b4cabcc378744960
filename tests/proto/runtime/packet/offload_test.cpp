#include "proto/runtime/packet/offload.hpp"

#include <catch2/catch.hpp>

using namespace culvert;
using namespace culvert::runtime;

TEST_CASE("offload switches: each word turns one off", "[runtime][offload]") {
  const auto of = [](std::string_view words) {
    const auto parsed = Offloads::parse(words);
    REQUIRE(parsed);
    std::string on;
    for (const bool each : {parsed->vnet, parsed->tso, parsed->uso, parsed->gro, parsed->gso}) {
      on += each ? '1' : '0';
    }
    return on;
  };
  CHECK(of("") == "11111");
  CHECK(of("-vnet") == "01111");
  CHECK(of("-tso") == "10111");
  CHECK(of("-uso") == "11011");
  CHECK(of("-gro") == "11101");
  CHECK(of("-gso") == "11110");
  CHECK(of("-gso,-gro") == "11100");
  CHECK(of("-all") == "00000");
}

TEST_CASE("offload switches: an unknown word is named", "[runtime][offload]") {
  for (const std::string words : {"gso", "+gso", "-lro", "-gso -gro", "-gso,,-gro", "-", "off"}) {
    const auto parsed = Offloads::parse(words);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::kInvalid);
  }
  CHECK(Offloads::parse("-gso,-lro").error().message.find("\"-lro\"") != std::string::npos);
}
