#include "proto/ip/path_mtu.hpp"

#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "proto/ip/build.hpp"
#include "proto/ip/checksum.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/udp_packet.hpp"

using namespace culvert;
using namespace culvert::ip;

namespace {

const Endpoint kFrom{*parse_address("fd00::1"), 1234};
const Endpoint kTo{*parse_address("fd00::2"), 443};

// A segment with the given options, which are whole words of four bytes.
Bytes with_options(const Endpoint& from, const Endpoint& to, std::uint8_t flags,
                   const Bytes& options) {
  auto out = tcp_packet(from, to, {.flags = flags}, options);
  const auto tcp = MutableByteView(out).last(kTcpHeaderSize + options.size());
  tcp[12] = static_cast<std::uint8_t>((kTcpHeaderSize + options.size()) / 4 << 4U);
  store_be(tcp.data() + 16, std::uint16_t{0});
  store_be(tcp.data() + 16, transport_checksum(from.address, to.address, kTcp, tcp));
  return out;
}

std::optional<std::uint16_t> clamped(const Bytes& packet, std::size_t mtu, std::size_t at) {
  const auto out = clamp_mss(packet, mtu);
  if (!out) return std::nullopt;
  const auto view = PacketView::parse(*out);
  REQUIRE(view);
  CHECK(out->size() == packet.size());
  CHECK(transport_checksum(view->source, view->destination, kTcp, view->transport) == 0);
  return load_be<std::uint16_t>(view->transport.data() + at);
}

}  // namespace

TEST_CASE("path MTU: the maximum segment size of a SYN is made to fit") {
  const Bytes mss = {2, 4, 0x05, 0x50};  // 1360
  CHECK(clamped(with_options(kFrom, kTo, kSyn, mss), 1232, 22) == 1172);
  CHECK(clamped(with_options(kFrom, kTo, kSyn | kAck, mss), 1232, 22) == 1172);
  CHECK(clamped(with_options(kFrom, kTo, kSyn, {1, 1, 1, 3, 3, 7, 1, 1, 2, 4, 0x05, 0x50}), 1232,
                30) == 1172);
  CHECK(clamped(with_options(kFrom, kTo, kSyn, {1, 3, 3, 7, 2, 4, 0x05, 0x50}), 1232, 26) == 1172);
  const Endpoint a{IpAddress::v4(10, 0, 0, 1), 1};
  const Endpoint b{IpAddress::v4(10, 0, 0, 2), 2};
  CHECK(clamped(with_options(a, b, kSyn, mss), 1232, 22) == 1192);

  CHECK_FALSE(clamp_mss(with_options(kFrom, kTo, kSyn, mss), 1420));  // fits already
  CHECK_FALSE(clamp_mss(with_options(kFrom, kTo, kAck, mss), 1232));
  CHECK_FALSE(clamp_mss(with_options(kFrom, kTo, kSyn, {}), 1232));
  CHECK_FALSE(clamp_mss(with_options(kFrom, kTo, kSyn, {0, 4, 0x05, 0x50, 2, 4, 5, 5}), 1232));
  CHECK_FALSE(clamp_mss(with_options(kFrom, kTo, kSyn, {8, 0, 1, 1, 2, 4, 5, 5}), 1232));
  CHECK_FALSE(clamp_mss(with_options(kFrom, kTo, kSyn, {1, 1, 1, 2}), 1232));
  CHECK_FALSE(clamp_mss(with_options(kFrom, kTo, kSyn, mss), 60));
  CHECK_FALSE(clamp_mss(udp_packet(kFrom, kTo, {}), 1232));
}

TEST_CASE("path MTU: packet too big names the connection and the size") {
  const auto segment = tcp_packet(kFrom, kTo, {.flags = kAck}, Bytes(1360));
  const auto packet = icmpv6_too_big(*PacketView::parse(segment), *parse_address("fd00::9"), 1232);
  REQUIRE(packet);
  const auto view = PacketView::parse(*packet);
  REQUIRE(view);
  CHECK(view->transport[0] == 2);
  CHECK(transport_checksum(view->source, view->destination, kIcmpV6, view->transport) == 0);
  const auto told = parse_too_big(*packet);
  REQUIRE(told);
  CHECK(told->from == kFrom);
  CHECK(told->to == kTo);
  CHECK(told->mtu == 1232);

  CHECK_FALSE(parse_too_big(segment));
  CHECK_FALSE(parse_too_big(*icmpv6_prohibited(*PacketView::parse(segment), kTo.address)));
  const auto udp = udp_packet(kFrom, kTo, Bytes(1360));
  CHECK_FALSE(parse_too_big(*icmpv6_too_big(*PacketView::parse(udp), kTo.address, 1232)));
  for (std::size_t n = 0; n < 40 + 8 + 44; ++n) CHECK_FALSE(parse_too_big(view->packet.first(n)));
}

TEST_CASE("path MTU: random bytes never reach outside") {
  SeededRng rng(3);
  for (int i = 0; i < 20'000; ++i) {
    Bytes packet(40 + rng.below(80));
    rng.fill(packet);
    packet[0] = 0x60;
    store_be(packet.data() + 4, static_cast<std::uint16_t>(packet.size() - 40));
    packet[6] = i % 2 == 0 ? kTcp : kIcmpV6;
    if (packet.size() > 53) packet[53] |= kSyn;
    clamp_mss(packet, 1232);
    parse_too_big(packet);
  }
}
