// The grant filter: every reason to refuse a mesh packet, and the packets that pass.
#include "agent/mesh/filter.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "proto/ip/build.hpp"
#include "tests/support/udp_packet.hpp"

namespace culvert::agent {
namespace {

const IpAddress kGrantee = *parse_address("fd63:756c:7665::1");
const IpAddress kStranger = *parse_address("fd63:756c:7665::2");
const IpAddress kService = *parse_address("fd63:756c:7665::a");
const IpAddress kOther = *parse_address("fd63:756c:7665::b");
const Endpoint kClient{kGrantee, 40000};
const Endpoint kServer{kService, 443};

Bytes tcp(const Endpoint& from, const Endpoint& to, unsigned flags) {
  return ip::tcp_packet(from, to, {static_cast<std::uint8_t>(flags), 1, 0, 1024}, {});
}

// A packet's bytes, parsed. The bytes live as long as the full expression that makes them.
std::optional<ip::PacketView> parsed(ByteView packet) { return ip::PacketView::parse(packet); }

struct Case {
  const char* what;
  bool from_grantee;
  Bytes packet;
  Verdict expected;
};

TEST_CASE("filter: what is refused before any flow") {
  const Bytes cut = [] {
    Bytes packet = tcp(kClient, kServer, ip::kSyn);
    packet.resize(30);
    return packet;
  }();
  const auto v4 = [](std::uint8_t last) { return Endpoint{IpAddress::v4(10, 0, 0, last), 443}; };
  const Case table[] = {
      {"cut short", true, cut, Verdict::kMalformed},
      {"empty", true, {}, Verdict::kMalformed},
      {"UDP", true, ip::udp_packet(kClient, kServer, {}), Verdict::kNotTcp},
      {"UDP back", false, ip::udp_packet(kServer, kClient, {}), Verdict::kNotTcp},
      {"ungranted grantee", true, tcp({kStranger, 1}, kServer, ip::kSyn), Verdict::kNotGranted},
      {"ungranted address", true, tcp(kClient, {kOther, 443}, ip::kSyn), Verdict::kNotGranted},
      {"ungranted port", true, tcp(kClient, {kService, 444}, ip::kSyn), Verdict::kNotGranted},
      {"IPv4", true, tcp(v4(1), v4(2), ip::kSyn), Verdict::kNotGranted},
      {"data without SYN", true, tcp(kClient, kServer, ip::kAck), Verdict::kNoFlow},
      {"SYN and ACK", true, tcp(kClient, kServer, ip::kSyn | ip::kAck), Verdict::kNoFlow},
      {"SYN and RST", true, tcp(kClient, kServer, ip::kSyn | ip::kRst), Verdict::kNoFlow},
      {"reply to nothing", false, tcp(kServer, kClient, ip::kSyn | ip::kAck), Verdict::kNoFlow},
      {"flow towards the grantee", false, tcp(kServer, kClient, ip::kSyn), Verdict::kNoFlow},
  };
  for (const Case& c : table) {
    INFO(c.what);
    Filter filter;
    filter.allow(kGrantee, kServer);
    const Verdict got = c.from_grantee ? filter.from_grantee({}, parsed(c.packet))
                                       : filter.to_grantee({}, parsed(c.packet));
    CHECK(got == c.expected);
    CHECK(filter.count(c.expected) == 1);
    CHECK(filter.refused() == 1);
    CHECK(filter.flows() == 0);
  }
}

TEST_CASE("filter: a granted flow passes both ways until the grant goes") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, kServer, ip::kSyn))) == Verdict::kPass);
  CHECK(filter.to_grantee({}, parsed(tcp(kServer, kClient, ip::kSyn | ip::kAck))) ==
        Verdict::kPass);
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, kServer, ip::kAck))) == Verdict::kPass);
  // The server may not use the flow's ports to open a flow of its own, and may not reach another
  // port.
  CHECK(filter.to_grantee({}, parsed(tcp(kServer, kClient, ip::kSyn))) == Verdict::kNoFlow);
  CHECK(filter.to_grantee({}, parsed(tcp(kServer, {kGrantee, 22}, ip::kAck))) == Verdict::kNoFlow);
  CHECK(filter.to_grantee({}, parsed(tcp({kOther, 443}, kClient, ip::kAck))) == Verdict::kNoFlow);

  filter.forbid(kGrantee, kServer);
  CHECK(filter.flows() == 0);
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, kServer, ip::kAck))) == Verdict::kNotGranted);
  CHECK(filter.to_grantee({}, parsed(tcp(kServer, kClient, ip::kAck))) == Verdict::kNoFlow);
}

TEST_CASE("filter: flows end, are forgotten, and their ports serve again") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  const Instant start;
  CHECK(filter.from_grantee(start, parsed(tcp(kClient, kServer, ip::kSyn))) == Verdict::kPass);
  filter.sweep(start + Filter::kOpeningTime - 1ns);
  CHECK(filter.flows() == 1);
  filter.sweep(start + Filter::kOpeningTime);
  CHECK(filter.flows() == 0);

  CHECK(filter.from_grantee(start, parsed(tcp(kClient, kServer, ip::kSyn))) == Verdict::kPass);
  CHECK(filter.to_grantee(start, parsed(tcp(kServer, kClient, ip::kFin | ip::kAck))) ==
        Verdict::kPass);
  filter.sweep(start + Filter::kLinger + Filter::kOpeningTime);
  CHECK(filter.flows() == 1);  // a half-closed flow is still open
  CHECK(filter.from_grantee(start, parsed(tcp(kClient, kServer, ip::kFin | ip::kAck))) ==
        Verdict::kPass);
  CHECK(filter.to_grantee(start, parsed(tcp(kServer, kClient, ip::kAck))) == Verdict::kPass);
  CHECK(filter.from_grantee(start, parsed(tcp(kClient, kServer, ip::kSyn))) == Verdict::kPass);
  CHECK(filter.flows() == 1);
  CHECK(filter.from_grantee(start, parsed(tcp(kClient, kServer, ip::kRst))) == Verdict::kPass);
  filter.sweep(start + Filter::kLinger);
  CHECK(filter.flows() == 0);
}

TEST_CASE("filter: the gate is asked once a flow, and only for what would pass") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  std::vector<Endpoint> asked;
  bool open = false;
  const Filter::Gate gate = [&](const Endpoint& service) {
    asked.push_back(service);
    return open;
  };
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, {kOther, 443}, ip::kSyn)), gate) ==
        Verdict::kNotGranted);
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, kServer, ip::kAck)), gate) == Verdict::kNoFlow);
  CHECK(asked.empty());
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, kServer, ip::kSyn)), gate) == Verdict::kGated);
  CHECK(filter.flows() == 0);
  open = true;
  for (int again = 0; again < 3; ++again) {
    CHECK(filter.from_grantee({}, parsed(tcp(kClient, kServer, ip::kSyn)), gate) == Verdict::kPass);
  }
  CHECK(asked == std::vector{kServer, kServer});
}

TEST_CASE("filter: ended flows are told with what either end expects") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  const Endpoint opening{kGrantee, 40001};
  const Endpoint closed{kGrantee, 40002};
  for (const Endpoint& client : {kClient, opening, closed}) {
    CHECK(filter.from_grantee({}, parsed(tcp(client, kServer, ip::kSyn))) == Verdict::kPass);
  }
  const auto pass = [&](bool from, const ip::TcpFields& fields, std::string_view text) {
    const auto packet = from ? ip::tcp_packet(kClient, kServer, fields, view(text))
                             : ip::tcp_packet(kServer, kClient, fields, view(text));
    CHECK((from ? filter.from_grantee({}, parsed(packet))
                : filter.to_grantee({}, parsed(packet))) == Verdict::kPass);
  };
  pass(false, {ip::kSyn | ip::kAck, 0xFFFFFFFE, 2, 1024}, {});
  pass(true, {ip::kAck, 2, 0xFFFFFFFF, 1024}, "ab");
  pass(false, {ip::kAck, 0xFFFFFFFF, 4, 1024}, "four");  // the sequence numbers wrap
  pass(false, {ip::kAck, 0xFFFFFFFF, 4, 1024}, "f");     // a retransmission
  CHECK(filter.from_grantee({}, parsed(tcp(closed, kServer, ip::kRst))) == Verdict::kPass);
  auto cut = filter.forbid(kGrantee, kServer);
  std::sort(cut.begin(), cut.end(), [](auto& a, auto& b) { return a.grantee < b.grantee; });
  REQUIRE(cut.size() == 2);
  CHECK(cut[0].grantee == kClient);
  CHECK(cut[0].service == kServer);
  CHECK(cut[0].at_grantee.acknowledged == 0xFFFFFFFFU);
  CHECK(cut[0].at_grantee.sent == 3U);
  CHECK(cut[0].at_service.acknowledged == 4U);
  CHECK(cut[0].at_service.sent == 4U);
  CHECK(cut[1].grantee == opening);
  CHECK_FALSE(cut[1].at_grantee.acknowledged);
  CHECK_FALSE(cut[1].at_grantee.sent);
  CHECK(cut[1].at_service.sent == 2U);
}

Endpoint client(std::size_t number) { return {kGrantee, static_cast<std::uint16_t>(number + 1)}; }

TEST_CASE("filter attack: a grantee that fills its share pushes out its own idle flow, no other") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  filter.allow(kStranger, kServer);
  Instant now{1'000'000'000};
  const Endpoint other{kStranger, 1};
  REQUIRE(filter.from_grantee(now, parsed(tcp(other, kServer, ip::kSyn))) == Verdict::kPass);
  REQUIRE(filter.to_grantee(now, parsed(tcp(kServer, other, ip::kSyn | ip::kAck))) ==
          Verdict::kPass);
  for (std::size_t i = 0; i < Filter::kMaxFlowsOfGrantee; ++i) {
    now += 1s;
    REQUIRE(filter.from_grantee(now, parsed(tcp(client(i), kServer, ip::kSyn))) == Verdict::kPass);
    const auto answer = tcp(kServer, client(i), ip::kSyn | ip::kAck);
    REQUIRE(filter.to_grantee(now, parsed(answer)) == Verdict::kPass);
  }
  now += 1s;  // the second flow is now idle longest
  CHECK(filter.from_grantee(now, parsed(tcp(client(0), kServer, ip::kAck))) == Verdict::kPass);
  for (std::size_t i = 0; i < 10; ++i) {
    now += 1s;
    const auto late = client(Filter::kMaxFlowsOfGrantee + i);
    CHECK(filter.from_grantee(now, parsed(tcp(late, kServer, ip::kSyn))) == Verdict::kPass);
  }
  CHECK(filter.flows() == Filter::kMaxFlowsOfGrantee + 1);
  CHECK(filter.from_grantee(now, parsed(tcp(client(0), kServer, ip::kAck))) == Verdict::kPass);
  for (std::size_t i = 1; i <= 10; ++i) {
    CHECK(filter.from_grantee(now, parsed(tcp(client(i), kServer, ip::kAck))) == Verdict::kNoFlow);
  }
  CHECK(filter.from_grantee(now, parsed(tcp(client(11), kServer, ip::kAck))) == Verdict::kPass);
  CHECK(filter.from_grantee(now, parsed(tcp(other, kServer, ip::kAck))) == Verdict::kPass);
}

TEST_CASE(
    "filter attack: SYNs without end cost no open flow of their own grantee before its time") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  Instant now{1'000'000'000};
  const Endpoint busy{kGrantee, 60000};
  REQUIRE(filter.from_grantee(now, parsed(tcp(busy, kServer, ip::kSyn))) == Verdict::kPass);
  REQUIRE(filter.to_grantee(now, parsed(tcp(kServer, busy, ip::kSyn | ip::kAck))) ==
          Verdict::kPass);
  for (std::size_t i = 0; i < 3 * Filter::kMaxFlowsOfGrantee; ++i) {
    now += 10ms;
    REQUIRE(filter.from_grantee(now, parsed(tcp(client(i), kServer, ip::kSyn))) == Verdict::kPass);
    if (i % 100 == 0) {
      REQUIRE(filter.from_grantee(now, parsed(tcp(busy, kServer, ip::kAck))) == Verdict::kPass);
    }
  }
  CHECK(filter.flows() == Filter::kMaxFlowsOfGrantee);
}

TEST_CASE("filter: all flows of a grantee can end, and it may begin again") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  filter.allow(kGrantee, {kOther, 443});
  filter.allow(kStranger, kServer);
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, kServer, ip::kSyn))) == Verdict::kPass);
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, {kOther, 443}, ip::kSyn))) == Verdict::kPass);
  CHECK(filter.from_grantee({}, parsed(tcp({kStranger, 1}, kServer, ip::kSyn))) == Verdict::kPass);
  CHECK(filter.end_flows(kGrantee).size() == 2);
  CHECK(filter.flows() == 1);
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, kServer, ip::kAck))) == Verdict::kNoFlow);
  CHECK(filter.from_grantee({}, parsed(tcp(kClient, kServer, ip::kSyn))) == Verdict::kPass);
}

TEST_CASE("filter: a sweep forgets so many, and says that there are more") {
  Filter filter;
  const std::size_t grantees = 3;
  for (std::size_t g = 0; g < grantees; ++g) {
    IpAddress address = kGrantee;
    address.bytes[14] = static_cast<std::uint8_t>(g);
    filter.allow(address, kServer);
    for (std::size_t i = 0; i < Filter::kMaxSwept; ++i) {
      const Endpoint from{address, static_cast<std::uint16_t>(i + 1)};
      REQUIRE(filter.from_grantee({}, parsed(tcp(from, kServer, ip::kSyn))) == Verdict::kPass);
    }
  }
  const auto later = Instant{} + Filter::kOpeningTime;
  CHECK(filter.sweep(later));
  CHECK(filter.flows() == 2 * Filter::kMaxSwept);
  CHECK(filter.sweep(later));
  CHECK_FALSE(filter.sweep(later));
  CHECK(filter.flows() == 0);
}

}  // namespace
}  // namespace culvert::agent
