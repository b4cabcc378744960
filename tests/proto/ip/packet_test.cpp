#include "proto/ip/packet.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "proto/ip/build.hpp"
#include "proto/ip/checksum.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/udp_packet.hpp"

using namespace culvert;
using namespace culvert::ip;

namespace {

Bytes hex(std::string_view text) { return *from_hex(text); }
IpAddress address(std::string_view text) { return *parse_address(text); }

const Endpoint kFrom{*parse_address("fd00::1"), 1234};
const Endpoint kTo{*parse_address("fd00::2"), 443};

// An IPv6 packet with the given headers in `rest`; `next` is the type of the first header.
Bytes ipv6(std::uint8_t next, ByteView rest) {
  Bytes out(kIpv6HeaderSize + rest.size());
  out[0] = 0x60;
  store_be(out.data() + 4, static_cast<std::uint16_t>(rest.size()));
  out[6] = next;
  out[8] = 0xFD;
  out[24] = 0xFD;
  std::copy(rest.begin(), rest.end(), out.begin() + kIpv6HeaderSize);
  return out;
}

}  // namespace

TEST_CASE("checksum: RFC 1071 section 3, and an IPv4 header") {
  CHECK(checksum(hex("0001f203f4f5f6f7")) == static_cast<std::uint16_t>(~0xddf2U));
  CHECK(checksum(hex("0001f203f4f5f6")) == static_cast<std::uint16_t>(~0xdcfbU));  // odd
  CHECK(checksum({}) == 0xFFFF);
  // A header that holds its right checksum (0xb861).
  CHECK(checksum(hex("45000073000040004011b861c0a80001c0a800c7")) == 0);
}

TEST_CASE("checksum: every length and alignment as by words of 16 bits; a copy sums and copies") {
  SeededRng rng(7);
  Bytes memory(400);
  rng.fill(memory);
  std::fill(memory.begin() + 100, memory.begin() + 250, std::uint8_t{0xFF});  // carries
  for (std::size_t from = 0; from < 9; ++from) {
    for (std::size_t size = 0; size + from <= memory.size(); ++size) {
      const auto bytes = ByteView(memory).subspan(from, size);
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < size; ++i) {
        sum += i % 2 == 0 ? std::uint64_t{bytes[i]} << 8U : bytes[i];
      }
      Bytes copy(size + 1, std::uint8_t{0xA5});
      const bool right = checksum_fold(sum) == checksum(bytes) &&
                         checksum_fold(checksum_copy(0, bytes, copy.data())) == checksum(bytes) &&
                         std::equal(bytes.begin(), bytes.end(), copy.begin()) && copy[size] == 0xA5;
      if (!right) FAIL("from " << from << " size " << size);
    }
  }
}

TEST_CASE("packets: TCP over IPv6, as built") {
  const auto raw = tcp_packet(kFrom, kTo, {.flags = kSyn, .sequence = 7}, view("hello"));
  const auto packet = PacketView::parse(raw);
  REQUIRE(packet);
  CHECK(packet->version == 6);
  CHECK(packet->protocol == kTcp);
  CHECK(packet->source == kFrom.address);
  CHECK(packet->destination == kTo.address);
  CHECK(packet->source_port() == 1234);
  CHECK(packet->destination_port() == 443);
  CHECK(packet->tcp_flags() == kSyn);
  CHECK(text(packet->payload()) == "hello");
  CHECK(packet->packet.size() == 40 + 20 + 5);
  CHECK(transport_checksum(packet->source, packet->destination, kTcp, packet->transport) == 0);
}

TEST_CASE("packets: UDP over IPv4, with padding behind it") {
  const Endpoint from{IpAddress::v4(10, 0, 0, 1), 53};
  const Endpoint to{IpAddress::v4(10, 0, 0, 2), 54};
  auto raw = udp_packet(from, to, view("odd"));
  const auto size = raw.size();
  raw.resize(size + 13, 0xEE);
  const auto packet = PacketView::parse(raw);
  REQUIRE(packet);
  CHECK(packet->version == 4);
  CHECK(packet->packet.size() == size);
  CHECK(packet->source == from.address);
  CHECK(packet->destination_port() == 54);
  CHECK_FALSE(packet->tcp_flags());
  CHECK(text(packet->payload()) == "odd");
  CHECK(checksum(packet->packet.first(20)) == 0);
  CHECK(transport_checksum(packet->source, packet->destination, kUdp, packet->transport) == 0);
}

TEST_CASE("packets: extension headers are walked within bounds") {
  Bytes raw;  // holds the bytes of the view that `parse` returns
  const auto parse = [&raw](Bytes packet) {
    raw = std::move(packet);
    return PacketView::parse(raw);
  };
  const Bytes udp = hex("0035003600080000");
  const auto with = [&](std::string_view headers) {
    Bytes out = hex(headers);
    append(out, udp);
    return out;
  };
  // hop-by-hop → destination options (16 bytes) → UDP
  auto packet = parse(ipv6(0, with("3c00000000000000"
                                   "1101000000000000"
                                   "0000000000000000")));
  REQUIRE(packet);
  CHECK(packet->protocol == kUdp);
  CHECK(packet->source_port() == 53);
  // routing → authentication (RFC 4302: 4-byte units, less 2) → UDP
  packet = parse(ipv6(43, with("3300000000000000"
                               "110100000000000000000000")));
  REQUIRE(packet);
  CHECK(packet->destination_port() == 54);
  // a first fragment, then a later fragment
  packet = parse(ipv6(44, with("1100000100000001")));
  REQUIRE(packet);
  CHECK(packet->source_port() == 53);
  packet = parse(ipv6(44, with("1100000900000001")));
  REQUIRE(packet);
  CHECK(packet->later_fragment);
  CHECK(packet->protocol == kUdp);
  CHECK_FALSE(packet->source_port());
  CHECK(packet->transport.empty());
  // no next header
  packet = parse(ipv6(kNoNext, {}));
  REQUIRE(packet);
  CHECK(packet->protocol == kNoNext);

  CHECK_FALSE(parse(ipv6(0, hex("11000000000000"))));     // cut short
  CHECK_FALSE(parse(ipv6(0, with("1102000000000000"))));  // a length beyond the packet
  CHECK_FALSE(parse(ipv6(0, {})));                        // header missing
  CHECK_FALSE(parse(ipv6(44, hex("11000001000000"))));
  std::string chain;
  for (int i = 0; i < kMaxExtensionHeaders; ++i) chain += "3c00000000000000";
  const std::string last = "1100000000000000";
  CHECK(parse(ipv6(60, with(chain.substr(16) + last))));
  CHECK_FALSE(parse(ipv6(60, with(chain + last))));
}

TEST_CASE("packets: bytes that are no packet") {
  const auto good = tcp_packet(kFrom, kTo, {}, view("x"));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(PacketView::parse(ByteView(good).first(size)));
  }
  auto bad = good;
  bad[0] = 0x50;
  CHECK_FALSE(PacketView::parse(bad));
  bad = good;
  bad[8 + 10] = bad[8 + 11] = 0xFF;  // from ::ffff:0:0/96
  std::fill(bad.begin() + 8, bad.begin() + 18, std::uint8_t{0});
  CHECK_FALSE(PacketView::parse(bad));

  const Endpoint from{IpAddress::v4(10, 0, 0, 1), 1};
  const auto v4 = udp_packet(from, from, view("x"));
  bad = v4;
  bad[0] = 0x44;  // header of 16 bytes
  CHECK_FALSE(PacketView::parse(bad));
  bad = v4;
  bad[0] = 0x4F;  // header beyond the packet
  CHECK_FALSE(PacketView::parse(bad));
  bad = v4;
  bad[3] = 19;  // total length below the header
  CHECK_FALSE(PacketView::parse(bad));
  bad = v4;
  bad[3] = 30;  // total length beyond the packet
  CHECK_FALSE(PacketView::parse(bad));
}

TEST_CASE("packets: transport headers that are cut short have no ports") {
  const auto short_tcp = ipv6(kTcp, Bytes(19, 1));
  auto packet = PacketView::parse(short_tcp);
  REQUIRE(packet);
  CHECK_FALSE(packet->source_port());
  CHECK_FALSE(packet->tcp_flags());
  const auto short_udp = ipv6(kUdp, Bytes(7, 1));
  packet = PacketView::parse(short_udp);
  REQUIRE(packet);
  CHECK_FALSE(packet->destination_port());
  auto long_offset = tcp_packet(kFrom, kTo, {}, {});
  long_offset[40 + 12] = 0xF0;
  packet = PacketView::parse(long_offset);
  REQUIRE(packet);
  CHECK(packet->payload().empty());
}

TEST_CASE("packets: random bytes never reach outside") {
  SeededRng rng(11);
  for (int i = 0; i < 50'000; ++i) {
    Bytes raw(rng.below(120));
    rng.fill(raw);
    if (!raw.empty()) raw[0] = rng.below(2) == 0 ? 0x45 : 0x60;
    if (raw.size() > 6) raw[rng.below(2) == 0 ? 2 : 4] = 0;
    const auto packet = PacketView::parse(raw);
    if (!packet) continue;
    packet->source_port();
    packet->tcp_flags();
    CHECK(packet->payload().size() <= raw.size());
    icmpv6_prohibited(*packet, kTo.address);
    tcp_reset(*packet);
  }
}

TEST_CASE("answers: administratively prohibited quotes the packet, within 1280 bytes") {
  const auto refuser = address("fd00::99");
  const auto raw = tcp_packet(kFrom, kTo, {.flags = kSyn}, Bytes(1300));
  const auto answer = icmpv6_prohibited(*PacketView::parse(raw), refuser);
  REQUIRE(answer);
  CHECK(answer->size() == 1280);
  const auto icmp = PacketView::parse(*answer);
  REQUIRE(icmp);
  CHECK(icmp->protocol == kIcmpV6);
  CHECK(icmp->source == refuser);
  CHECK(icmp->destination == kFrom.address);
  CHECK(icmp->transport[0] == 1);
  CHECK(icmp->transport[1] == 1);
  CHECK(transport_checksum(icmp->source, icmp->destination, kIcmpV6, icmp->transport) == 0);
  CHECK(equal(icmp->transport.subspan(8), ByteView(raw).first(1280 - 48)));

  CHECK_FALSE(icmpv6_prohibited(*icmp, refuser));  // no error is sent about an error
  const auto multicast = udp_packet(kFrom, {address("ff02::1"), 5}, {});
  CHECK_FALSE(icmpv6_prohibited(*PacketView::parse(multicast), refuser));
  const auto nobody = udp_packet({address("::"), 1}, kTo, {});
  CHECK_FALSE(icmpv6_prohibited(*PacketView::parse(nobody), refuser));
  const auto v4 = udp_packet({IpAddress::v4(10, 0, 0, 1), 1}, {IpAddress::v4(10, 0, 0, 2), 1}, {});
  CHECK_FALSE(icmpv6_prohibited(*PacketView::parse(v4), refuser));
}

TEST_CASE("answers: resets as a closed port sends them") {
  // RFC 9293 section 3.10.7.1: without ACK → sequence 0 and an ACK of the segment; with ACK → the
  // sequence of the ACK.
  const auto syn = tcp_packet(kFrom, kTo, {.flags = kSyn, .sequence = 100}, view("abc"));
  auto reset = tcp_reset(*PacketView::parse(syn));
  REQUIRE(reset);
  auto packet = PacketView::parse(*reset);
  REQUIRE(packet);
  CHECK(packet->source_port() == 443);
  CHECK(packet->destination == kFrom.address);
  CHECK(packet->tcp_flags() == (kRst | kAck));
  CHECK(load_be<std::uint32_t>(packet->transport.data() + 4) == 0);
  CHECK(load_be<std::uint32_t>(packet->transport.data() + 8) == 104);
  CHECK(transport_checksum(packet->source, packet->destination, kTcp, packet->transport) == 0);

  const auto data = tcp_packet(
      kFrom, kTo, {.flags = kAck, .sequence = 100, .acknowledgement = 9000}, view("abc"));
  reset = tcp_reset(*PacketView::parse(data));
  REQUIRE(reset);
  packet = PacketView::parse(*reset);
  CHECK(packet->tcp_flags() == kRst);
  CHECK(load_be<std::uint32_t>(packet->transport.data() + 4) == 9000);

  CHECK_FALSE(tcp_reset(*PacketView::parse(*reset)));
  CHECK_FALSE(tcp_reset(*PacketView::parse(udp_packet(kFrom, kTo, {}))));
}
