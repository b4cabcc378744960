// Packets that are too long for the direct path.
#include <catch2/catch.hpp>

#include "proto/ip/build.hpp"
#include "proto/ip/checksum.hpp"
#include "proto/ip/path_mtu.hpp"
#include "tests/agent/core/world_support.hpp"

namespace culvert::agent::test {
namespace {

constexpr std::size_t kHeaders = ip::kIpv6HeaderSize + ip::kTcpHeaderSize;

struct Holed : World {
  explicit Holed(std::size_t size, bool host_stack = false) {
    carried = size;
    laptop.options.host_stack = host_stack;
    set_up();
    approve(request(kApi));
    REQUIRE(run_until([&] { return is_usable(); }, 5s));
    REQUIRE(flow_opens(kApi, 40000));
    REQUIRE(run_until([&] { return is_direct(laptop) && is_direct(site); }, 5s));
    run(2s);
  }
  bool is_usable() const {
    const auto view = laptop.core->resolve(now, kApi);
    return view && view->ready && site.core->status(now).live_grants == 1;
  }
  bool is_direct(const Agent& agent) const {
    const auto peers = agent.core->status(now).peers;
    return !peers.empty() && peers[0].path == PathKind::kDirect;
  }
  Bytes segment(bool out, std::size_t size) const {
    const auto from = out ? client(40000) : service(kApi, 443);
    const auto to = out ? service(kApi, 443) : client(40000);
    return ip::tcp_packet(from, to, {ip::kAck, 2, 2, 1024}, Bytes(size - kHeaders));
  }
  // The packets that `agent`'s own stack gets at once when it sends `packet`.
  std::vector<Bytes> answers(Agent& agent, const Bytes& packet, int times = 1) {
    agent.delivered.clear();
    for (int i = 0; i < times; ++i) hand_in(agent, packet);
    run(1ms);
    return agent.delivered;
  }
};

Bytes syn(const Endpoint& from, const Endpoint& to, std::uint16_t mss) {
  Bytes option = {2, 4, 0, 0};
  store_be(option.data() + 2, mss);
  auto out = ip::tcp_packet(from, to, {ip::kSyn, 1, 0, 1024}, option);
  out[ip::kIpv6HeaderSize + 12] = 6 << 4;
  store_be(out.data() + ip::kIpv6HeaderSize + 16, std::uint16_t{0});
  store_be(out.data() + ip::kIpv6HeaderSize + 16,
           ip::transport_checksum(from.address, to.address, ip::kTcp,
                                  ByteView(out).subspan(ip::kIpv6HeaderSize)));
  return out;
}

std::uint16_t mss_of(const Bytes& packet) {
  return load_be<std::uint16_t>(packet.data() + kHeaders + 2);
}

}  // namespace

TEST_CASE("path: packets of every size pass a hole, and the stack is told what it carries") {
  Holed world(1272);
  for (const bool out : {true, false}) {
    for (const std::size_t size : {60U, 1232U, 1233U, 1280U, 1420U}) {
      INFO("out " << out << " size " << size);
      const auto packet = world.segment(out, size);
      CHECK((out ? world.passes_out(packet) : world.passes_back(packet)));
      auto& sender = out ? world.laptop : world.site;
      const auto answers = world.answers(sender, packet);
      REQUIRE(answers.size() == (size > 1232 ? 1 : 0));
      if (answers.empty()) continue;
      const auto told = ip::parse_too_big(answers[0]);
      REQUIRE(told);
      CHECK(told->mtu == 1232);
      CHECK((told->from.port == 40000) == out);
      CHECK((told->to.port == 40000) != out);
    }
  }
}

TEST_CASE("path: a host's own stack is told no less than IPv6's minimum") {
  Holed small(1272, true);
  CHECK(small.answers(small.laptop, small.segment(true, 1280)).empty());
  const auto minimum = small.answers(small.laptop, small.segment(true, 1281));
  REQUIRE(minimum.size() == 1);
  CHECK(ip::parse_too_big(minimum[0])->mtu == 1280);
  Holed larger(1372, true);
  CHECK(larger.answers(larger.laptop, larger.segment(true, 1312)).empty());
  const auto answers = larger.answers(larger.laptop, larger.segment(true, 1313));
  REQUIRE(answers.size() == 1);
  CHECK(ip::parse_too_big(answers[0])->mtu == 1312);
}

TEST_CASE("path: the stack is not told so for each packet of a flood") {
  Holed world(1272);
  CHECK(world.answers(world.site, world.segment(false, 1420), 1000).size() <= 70);
}

TEST_CASE("path: a connection that begins on a path with a hole begins with small segments") {
  Holed world(1272);
  world.site.delivered.clear();
  const auto packet = syn(world.client(40001), world.service(kApi, 443), 1360);
  world.hand_in(world.laptop, packet);
  REQUIRE(world.run_until([&] { return !world.site.delivered.empty(); }, 1s));
  CHECK(mss_of(world.site.delivered[0]) == 1232 - kHeaders);
}

TEST_CASE("path: a good path changes no packet and says nothing") {
  Holed world(65'507);
  const auto packet = world.segment(true, 1420);
  CHECK(world.passes_out(packet));
  CHECK(world.answers(world.laptop, packet).empty());
  world.site.delivered.clear();
  const auto opening = syn(world.client(40001), world.service(kApi, 443), 1360);
  world.hand_in(world.laptop, opening);
  REQUIRE(world.run_until([&] { return !world.site.delivered.empty(); }, 1s));
  CHECK(world.site.delivered[0] == opening);
}

TEST_CASE("path: without a relay what is too large is tried all the same") {
  Holed world(1272);
  world.relay_up = false;
  for (const auto& [id, theirs] : std::map(world.laptop.relay)) {
    world.laptop.core->handle_relay_closed(world.now, id, "gone");
  }
  CHECK(world.passes_out(world.segment(true, 1232)));
  world.carried = 65'507;  // larger than the proven size; such a packet would pass
  CHECK(world.passes_out(world.segment(true, 1420)));
}

}  // namespace culvert::agent::test
