// Every way a mesh packet can be refused, and what passes.
#include "agent/core/filter.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "proto/ip/build.hpp"

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
    const Verdict got =
        c.from_grantee ? filter.from_grantee({}, c.packet) : filter.to_grantee({}, c.packet);
    CHECK(got == c.expected);
    CHECK(filter.count(c.expected) == 1);
    CHECK(filter.refused() == 1);
    CHECK(filter.flows() == 0);
  }
}

TEST_CASE("filter: a granted flow passes both ways until the grant goes") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  CHECK(filter.from_grantee({}, tcp(kClient, kServer, ip::kSyn)) == Verdict::kPass);
  CHECK(filter.to_grantee({}, tcp(kServer, kClient, ip::kSyn | ip::kAck)) == Verdict::kPass);
  CHECK(filter.from_grantee({}, tcp(kClient, kServer, ip::kAck)) == Verdict::kPass);
  // The server may not use the flow's ports to open one of its own, nor reach another port.
  CHECK(filter.to_grantee({}, tcp(kServer, kClient, ip::kSyn)) == Verdict::kNoFlow);
  CHECK(filter.to_grantee({}, tcp(kServer, {kGrantee, 22}, ip::kAck)) == Verdict::kNoFlow);
  CHECK(filter.to_grantee({}, tcp({kOther, 443}, kClient, ip::kAck)) == Verdict::kNoFlow);

  filter.forbid(kGrantee, kServer);
  CHECK(filter.flows() == 0);
  CHECK(filter.from_grantee({}, tcp(kClient, kServer, ip::kAck)) == Verdict::kNotGranted);
  CHECK(filter.to_grantee({}, tcp(kServer, kClient, ip::kAck)) == Verdict::kNoFlow);
}

TEST_CASE("filter: flows end, are forgotten, and their ports serve again") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  const Instant start;
  CHECK(filter.from_grantee(start, tcp(kClient, kServer, ip::kSyn)) == Verdict::kPass);
  filter.sweep(start + Filter::kOpeningTime - 1ns);
  CHECK(filter.flows() == 1);
  filter.sweep(start + Filter::kOpeningTime);
  CHECK(filter.flows() == 0);

  CHECK(filter.from_grantee(start, tcp(kClient, kServer, ip::kSyn)) == Verdict::kPass);
  CHECK(filter.to_grantee(start, tcp(kServer, kClient, ip::kFin | ip::kAck)) == Verdict::kPass);
  filter.sweep(start + Filter::kLinger + Filter::kOpeningTime);
  CHECK(filter.flows() == 1);  // half closed is still open
  CHECK(filter.from_grantee(start, tcp(kClient, kServer, ip::kFin | ip::kAck)) == Verdict::kPass);
  CHECK(filter.to_grantee(start, tcp(kServer, kClient, ip::kAck)) == Verdict::kPass);
  CHECK(filter.from_grantee(start, tcp(kClient, kServer, ip::kSyn)) == Verdict::kPass);
  CHECK(filter.flows() == 1);
  CHECK(filter.from_grantee(start, tcp(kClient, kServer, ip::kRst)) == Verdict::kPass);
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
  CHECK(filter.from_grantee({}, tcp(kClient, {kOther, 443}, ip::kSyn), gate) ==
        Verdict::kNotGranted);
  CHECK(filter.from_grantee({}, tcp(kClient, kServer, ip::kAck), gate) == Verdict::kNoFlow);
  CHECK(asked.empty());
  CHECK(filter.from_grantee({}, tcp(kClient, kServer, ip::kSyn), gate) == Verdict::kGated);
  CHECK(filter.flows() == 0);
  open = true;
  for (int again = 0; again < 3; ++again) {
    CHECK(filter.from_grantee({}, tcp(kClient, kServer, ip::kSyn), gate) == Verdict::kPass);
  }
  CHECK(asked == std::vector{kServer, kServer});
}

TEST_CASE("filter: ended flows are told with what their grantee expects") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  const Endpoint opening{kGrantee, 40001};
  const Endpoint closed{kGrantee, 40002};
  for (const Endpoint& client : {kClient, opening, closed}) {
    CHECK(filter.from_grantee({}, tcp(client, kServer, ip::kSyn)) == Verdict::kPass);
  }
  const Bytes ack = ip::tcp_packet(kClient, kServer, {ip::kAck, 2, 77, 1024}, {});
  CHECK(filter.from_grantee({}, ack) == Verdict::kPass);
  CHECK(filter.from_grantee({}, tcp(closed, kServer, ip::kRst)) == Verdict::kPass);
  auto cut = filter.forbid(kGrantee, kServer);
  std::sort(cut.begin(), cut.end(), [](auto& a, auto& b) { return a.grantee < b.grantee; });
  REQUIRE(cut.size() == 2);
  CHECK(cut[0].grantee == kClient);
  CHECK(cut[0].expected == 77U);
  CHECK(cut[1].grantee == opening);
  CHECK_FALSE(cut[1].expected);
}

TEST_CASE("filter: one grantee cannot fill the table for others") {
  Filter filter;
  filter.allow(kGrantee, kServer);
  filter.allow(kStranger, kServer);
  for (std::size_t i = 0; i < Filter::kMaxFlowsOfGrantee; ++i) {
    const Endpoint from{kGrantee, static_cast<std::uint16_t>(i + 1)};
    REQUIRE(filter.from_grantee({}, tcp(from, kServer, ip::kSyn)) == Verdict::kPass);
  }
  CHECK(filter.from_grantee({}, tcp({kGrantee, 60000}, kServer, ip::kSyn)) == Verdict::kFull);
  CHECK(filter.from_grantee({}, tcp({kStranger, 60000}, kServer, ip::kSyn)) == Verdict::kPass);
}

}  // namespace
}  // namespace culvert::agent
