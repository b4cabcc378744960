#include "proto/ip/ecn.hpp"

#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "proto/ip/build.hpp"
#include "proto/ip/checksum.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/udp_packet.hpp"

using namespace culvert;
using namespace culvert::ip;

namespace {

Bytes packet(bool v4) {
  Endpoint from{*parse_address("fd00::1"), 1};
  Endpoint to{*parse_address("fd00::2"), 2};
  if (v4) {
    from.address = IpAddress::v4(10, 0, 0, 1);
    to.address = IpAddress::v4(10, 0, 0, 2);
  }
  return udp_packet(from, to, Bytes(50, 7));
}

bool header_is_right(const Bytes& bytes) { return checksum(ByteView(bytes).first(20)) == 0; }

}  // namespace

TEST_CASE("ECN: every field of RFC 6040 figure 4", "[ip][ecn]") {
  constexpr int kDrop = -1;
  // The order of rows and columns in the figure.
  constexpr std::uint8_t kOrder[] = {kNotEct, kEct0, kEct1, kCe};
  constexpr int kFigure[4][4] = {
      {kNotEct, kNotEct, kNotEct, kDrop},
      {kEct0, kEct0, kEct1, kCe},
      {kEct1, kEct1, kEct1, kCe},
      {kCe, kCe, kCe, kCe},
  };
  const bool v4 = GENERATE(true, false);
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::size_t column = 0; column < 4; ++column) {
      const auto inner = kOrder[row];
      const auto outer = kOrder[column];
      const int expected = kFigure[row][column];
      CAPTURE(v4, int{inner}, int{outer});
      CHECK(
          ecn_combined(inner, outer) ==
          (expected == kDrop ? std::nullopt : std::optional(static_cast<std::uint8_t>(expected))));
      Bytes bytes = packet(v4);
      set_ecn(bytes, inner);
      CHECK(ecn_decapsulate(bytes, outer) == (expected != kDrop));
      CHECK(ecn_of(bytes) == (expected == kDrop ? inner : expected));
      if (v4) CHECK(header_is_right(bytes));
    }
  }
}

TEST_CASE("ECN: two bits change and nothing beside them", "[ip][ecn]") {
  const bool v4 = GENERATE(true, false);
  SeededRng rng{3};
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = packet(v4);
    // Random version, DSCP, flow label, length and id: the checksum meets every carry.
    const auto version = static_cast<std::uint8_t>(bytes[0] & 0xF0U);
    rng.fill(MutableByteView(bytes).first(v4 ? 20 : 4));
    bytes[0] = static_cast<std::uint8_t>(v4 ? version | 5U : version | (bytes[0] & 15U));
    if (v4) {
      store_be(bytes.data() + 10, std::uint16_t{0});
      store_be(bytes.data() + 10, checksum(ByteView(bytes).first(20)));
    }
    Bytes changed = bytes;
    const auto ecn = static_cast<std::uint8_t>(rng.below(4));
    set_ecn(changed, ecn);
    CAPTURE(round, v4);
    REQUIRE(ecn_of(changed) == ecn);
    if (v4) REQUIRE(header_is_right(changed));
    changed[1] = bytes[1];
    if (v4) std::copy_n(bytes.begin() + 10, 2, changed.begin() + 10);
    REQUIRE((changed[1] & (v4 ? 0xFCU : 0xCFU)) == (bytes[1] & (v4 ? 0xFCU : 0xCFU)));
    REQUIRE(changed == bytes);
  }
}

TEST_CASE("ECN: a wrong header checksum is not made right", "[ip][ecn]") {
  Bytes bytes = packet(true);
  set_ecn(bytes, kEct0);
  bytes[10] ^= 0x40U;
  CHECK(ecn_decapsulate(bytes, kCe));
  CHECK(ecn_of(bytes) == kCe);
  CHECK_FALSE(header_is_right(bytes));
}
