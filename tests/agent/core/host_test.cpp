// A laptop in TUN mode, whose mesh packets come from the host's own stack: the packets that the TUN
// device gets back.
#include <catch2/catch.hpp>

#include "proto/ip/build.hpp"
#include "tests/agent/core/world_support.hpp"
#include "tests/support/udp_packet.hpp"

namespace culvert::agent::test {
namespace {

struct Host : World {
  Host() {
    laptop.options.host_stack = true;
    set_up();
    grant = request(kApi);
    approve(grant);
    REQUIRE(run_until([&] { return resolves(); }, 5s));
  }
  bool resolves() {
    const auto view = laptop.core->resolve(now, kApi);
    return view && view->ready && site.core->status(now).live_grants == 1;
  }
  // The packets that the laptop's stack gets at once when it sends `packet`.
  std::vector<Bytes> answers(const Bytes& packet) {
    laptop.delivered.clear();
    hand_in(laptop, packet);
    run(1ms);
    return laptop.delivered;
  }
  std::size_t opened() const {
    std::size_t count = 0;
    for (const auto& entry : laptop.audit.entries()) count += entry.kind == audit::Kind::kFlowOpen;
    return count;
  }
  std::string grant;
};

bool prohibited(const std::vector<Bytes>& answers) {
  if (answers.size() != 1) return false;
  const auto view = ip::PacketView::parse(answers[0]);
  return view && view->protocol == ip::kIcmpV6 && view->transport[0] == 1 &&
         view->transport[1] == 1;
}

TEST_CASE(
    "host: a flow's first packet is in the audit log, once; the site's answer claims the grant") {
  Host world;
  CHECK(world.opened() == 0);
  CHECK(world.flow_opens(kApi, 40000));
  CHECK(world.opened() == 1);
  world.passes_out(tcp(world.client(40000), world.service(kApi, 443), ip::kAck));
  CHECK(world.opened() == 1);
  CHECK(world.flow_opens(kApi, 40001));
  CHECK(world.opened() == 2);
  CHECK(world.laptop.core->requests(world.now)[0].phase == trust::RequestPhase::kApproved);
  const auto data = ip::tcp_packet(world.service(kApi, 443), world.client(40001),
                                   {ip::kAck | ip::kPsh, 1, 1, 1024}, view("hello"));
  REQUIRE(world.passes_back(data));
  world.run(1ms);
  CHECK(world.laptop.core->requests(world.now)[0].phase == trust::RequestPhase::kActive);
}

TEST_CASE("host: no audit entry, no flow") {
  Host world;
  world.laptop.audit.set_failing(true);
  const Bytes syn = tcp(world.client(40000), world.service(kApi, 443), ip::kSyn);
  CHECK(prohibited(world.answers(syn)));
  CHECK_FALSE(world.flow_opens(kApi, 40000));
  CHECK(world.site.delivered.empty());
}

TEST_CASE("host: whatever is not granted is prohibited, existing or not, in one way") {
  Host world;
  const Endpoint client = world.client(40000);
  const Endpoint there = world.service(kDb, 5432);
  const Endpoint nowhere = world.service("none." + kSite, 5432);
  for (const Endpoint& to : {there, nowhere, world.service(kApi, 80)}) {
    const auto answers = world.answers(tcp(client, to, ip::kSyn));
    REQUIRE(prohibited(answers));
    const auto view = ip::PacketView::parse(answers[0]);
    CHECK(view->source == world.laptop.core->address());
    CHECK(view->destination == client.address);
    CHECK(answers[0].size() == world.answers(tcp(client, there, ip::kSyn))[0].size());
    CHECK(prohibited(world.answers(ip::udp_packet(client, to, {}))));
  }
  CHECK(prohibited(world.answers(ip::udp_packet(client, world.service(kApi, 443), {}))));
  // A packet with another node's source address is refused as well; garbage gets no answer.
  const Endpoint forged{*parse_address("fd63:756c:7665::99"), 1};
  CHECK(prohibited(world.answers(tcp(forged, world.service(kApi, 443), ip::kSyn))));
  CHECK(world.answers({0x60, 1, 2}).empty());
  CHECK(world.opened() == 0);
}

TEST_CASE("host: a revocation resets open flows with the number that the stack expects") {
  Host world;
  REQUIRE(world.flow_opens(kApi, 40000));
  const Endpoint service = world.service(kApi, 443);
  const Endpoint client = world.client(40000);
  REQUIRE(world.passes_out(ip::tcp_packet(client, service, {ip::kAck, 2, 4711, 1024}, {})));
  world.laptop.delivered.clear();
  world.revoke(world.grant);
  REQUIRE(world.run_until([&] { return !world.laptop.delivered.empty(); }, 2s));
  REQUIRE(world.laptop.delivered.size() == 1);
  const auto reset = ip::PacketView::parse(world.laptop.delivered[0]);
  REQUIRE(reset);
  CHECK(reset->tcp_flags() == std::uint8_t{ip::kRst});
  CHECK(load_be<std::uint32_t>(reset->transport.data() + 4) == 4711);
  CHECK(reset->source == service.address);
  CHECK(reset->destination_port() == client.port);
  // A late packet of the connection gets the exact reset; a new connection is prohibited.
  const auto late = world.answers(ip::tcp_packet(client, service, {ip::kAck, 2, 5000, 1024}, {}));
  REQUIRE(late.size() == 1);
  const auto exact = ip::PacketView::parse(late[0]);
  CHECK(exact->tcp_flags() == std::uint8_t{ip::kRst});
  CHECK(load_be<std::uint32_t>(exact->transport.data() + 4) == 5000);
  CHECK(prohibited(world.answers(tcp(client, service, ip::kSyn))));
}

TEST_CASE("host: when the agent stops, open flows are reset") {
  Host world;
  REQUIRE(world.flow_opens(kApi, 40000));
  world.laptop.delivered.clear();
  world.laptop.core->stop(world.now);
  world.run(1ms);
  REQUIRE(world.laptop.delivered.size() == 1);
  CHECK(ip::PacketView::parse(world.laptop.delivered[0])->tcp_flags() == std::uint8_t{ip::kRst});
}

TEST_CASE("host: a laptop names the sites that it has asked, and no other") {
  World world;
  world.set_up();
  CHECK(world.laptop.core->sites().empty());
  world.request(kApi);
  CHECK(world.laptop.core->sites() == std::vector<std::string>{kSite});
}

}  // namespace
}  // namespace culvert::agent::test
