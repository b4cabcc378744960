// How connections end: no client waits for a connection that no longer exists.
#include <catch2/catch.hpp>

#include "agent/access/rights.hpp"
#include "agent/mesh/process_tag.hpp"
#include "proto/ip/build.hpp"
#include "tests/agent/core/world_support.hpp"

namespace culvert::agent::test {
namespace {

struct Open : World {
  Open() {
    set_up();
    grant = request(kApi);
    approve(grant);
    INFO(story());
    REQUIRE(run_until([&] { return usable(kApi); }, 5s));
    REQUIRE(flow_opens(kApi, 40000));
  }
  bool usable(const std::string& service) {
    const auto view = laptop.core->resolve(now, service);
    return view && view->ready && !site.core->services(now).empty();
  }
  void restart(Agent& agent) {
    agent.options.token.reset();
    agent.options.pinned_root.reset();
    agent.cuts.clear();
    run(1s);  // a process needs longer to start than the resolution of handshake timestamps
    REQUIRE(start(agent));
  }
  // Whether the agent's stack got a reset of this connection with this sequence number.
  static bool was_reset(const Agent& agent, const Endpoint& to,
                        std::optional<std::uint32_t> number) {
    return std::any_of(agent.delivered.begin(), agent.delivered.end(), [&](const Bytes& bytes) {
      const auto packet = ip::PacketView::parse(bytes);
      if (!packet || packet->destination != to.address || packet->destination_port() != to.port ||
          (packet->tcp_flags().value_or(0) & ip::kRst) == 0) {
        return false;
      }
      return !number || load_be<std::uint32_t>(packet->transport.data() + 4) == *number;
    });
  }
  bool cut_for(const Agent& agent, const std::string& why) {
    return std::any_of(agent.cuts.begin(), agent.cuts.end(),
                       [&](const CutFlows& cut) { return cut.reason == why; });
  }
  void say(Agent& from, const Bytes& packet) { hand_in(from, packet); }
  std::string grant;
};

TEST_CASE("ends: a laptop that has started anew ends what its last process left at the site") {
  Open world;
  for (std::uint16_t port = 40001; port < 40256; ++port) REQUIRE(world.flow_opens(kApi, port));
  const Endpoint service = world.service(kApi, 443);
  // A rekey does not mean a new process.
  world.run(150s);
  REQUIRE(world.flow_opens(kApi, 41000));
  world.run(150s);
  REQUIRE(world.flow_opens(kApi, 41001));
  CHECK_FALSE(world.cut_for(world.site, "the device has started anew"));

  world.restart(world.laptop);
  REQUIRE(world.run_until([&] { return world.usable(kApi); }, 10s));
  CHECK(world.flow_opens(kApi, 42000));
  INFO(world.story());
  CHECK(world.cut_for(world.site, "the device has started anew"));
  CHECK(std::count_if(world.site.cuts.begin(), world.site.cuts.end(), [&](const CutFlows& cut) {
          return cut.peer == world.laptop.core->address() && !cut.service;
        }) == 1);
  // The site resets packets of the old connections; the new connection goes on.
  world.site.delivered.clear();
  world.say(world.site, ip::tcp_packet(service, world.client(40000), {ip::kAck, 9, 77, 1}, {}));
  world.run(1ms);
  CHECK(Open::was_reset(world.site, service, 77));
  CHECK(world.passes_back(tcp(service, world.client(42000), ip::kAck)));
  REQUIRE(world.flow_opens(kApi, 43000));
  CHECK(std::count_if(world.site.cuts.begin(), world.site.cuts.end(),
                      [](const CutFlows& cut) { return !cut.service; }) == 1);
}

TEST_CASE("ends: a site's agent that stops resets its connections and says that it stops") {
  Open world;
  const Endpoint service = world.service(kApi, 443);
  const Endpoint client = world.client(40000);
  REQUIRE(world.passes_out(ip::tcp_packet(client, service, {ip::kAck, 2, 11, 1024}, {})));
  REQUIRE(
      world.passes_back(ip::tcp_packet(service, client, {ip::kAck, 11, 2, 1024}, view("12345"))));
  const Instant before = world.now.steady;
  world.laptop.delivered.clear();
  world.laptop.cuts.clear();
  world.site.core->stop(world.now);
  world.run(100ms);  // the path has no delay here
  CHECK(world.now.steady - before <= 100ms);
  CHECK(Open::was_reset(world.laptop, client, 11));  // if the last bytes were lost
  CHECK(Open::was_reset(world.laptop, client, 16));  // if the last bytes arrived
  CHECK(world.cut_for(world.site, "the agent stops"));
  CHECK(world.cut_for(world.laptop, "the site's agent has stopped"));
  auto status = world.laptop.core->status(world.now);
  REQUIRE(status.peers.size() == 1);
  CHECK(status.peers[0].stopped);
  CHECK_FALSE(world.usable(kApi));
  // While the site stops, no new flow opens and no client waits for one.
  CHECK_FALSE(world.site.core->authorize_flow(world.now, world.laptop.core->address(), kApi));
  world.run(10s);
  CHECK(world.laptop.core->status(world.now).peers[0].stopped);

  world.stop(world.site);
  world.restart(world.site);
  CHECK(world.run_until(
      [&] { return world.usable(kApi) && !world.laptop.core->status(world.now).peers[0].stopped; },
      15s));
  CHECK(world.flow_opens(kApi, 40001));
}

TEST_CASE("ends: where the site ends a grant alone, the laptop's connections are reset") {
  Open world;
  const Endpoint client = world.client(40000);
  const Endpoint service = world.service(kApi, 443);
  REQUIRE(world.passes_out(ip::tcp_packet(client, service, {ip::kAck, 2, 4711, 1024}, {})));
  world.laptop.delivered.clear();
  SECTION("locked: the peer goes with its last grant") {
    world.site.core->lock(world.now, [](Result<void>) {});
    world.run(1ms);
    CHECK(Open::was_reset(world.laptop, client, 4711));
  }
  SECTION("one grant of two: what the laptop still tries is refused, not dropped") {
    const auto second = world.request(kDb);
    world.approve(second);
    REQUIRE(world.run_until(
        [&] { return world.usable(kDb) && world.site.core->status(world.now).live_grants == 2; },
        5s));
    world.site.core->deny(world.now, world.grant, [](Result<void>) {});
    world.run(1ms);
    CHECK(Open::was_reset(world.laptop, client, 4711));
    world.laptop.delivered.clear();
    world.say(world.laptop, ip::tcp_packet(world.client(40001), service, {ip::kSyn, 7, 0, 1}, {}));
    world.run(1ms);
    CHECK(Open::was_reset(world.laptop, world.client(40001), std::nullopt));
  }
}

TEST_CASE("ends: the laptop's own stack hears of what is not granted, existing or not") {
  Open world;
  for (const Endpoint& to : {world.service(kDb, 5432), world.service("none." + kSite, 5432)}) {
    world.laptop.delivered.clear();
    world.say(world.laptop, tcp(world.client(50000), to, ip::kSyn));
    world.run(1ms);
    REQUIRE(world.laptop.delivered.size() == 1);
    CHECK(Open::was_reset(world.laptop, world.client(50000), 0));
  }
}

TEST_CASE("ends: a connection that the laptop ends alone is reset at the site") {
  Open world;
  const Endpoint service = world.service(kApi, 443);
  REQUIRE(
      world.passes_back(ip::tcp_packet(service, world.client(40000), {ip::kAck, 1, 99, 1}, {})));
  world.site.delivered.clear();
  world.laptop.core->lock(world.now, [](Result<void>) {});
  world.run(1ms);
  CHECK(Open::was_reset(world.site, service, 99));
}

TEST_CASE(
    "ends: a laptop that has started anew and opens nothing resets what the site still sends") {
  Open world;
  const Endpoint service = world.service(kApi, 443);
  const Bytes packet = ip::tcp_packet(service, world.client(40000), {ip::kAck, 9, 77, 1}, {});
  world.restart(world.laptop);
  REQUIRE(world.run_until([&] { return world.usable(kApi); }, 10s));
  world.site.delivered.clear();
  for (int i = 0; i < 30 && world.site.delivered.empty(); ++i) {
    world.say(world.site, packet);
    world.run(1s);
  }
  CHECK(Open::was_reset(world.site, service, 77));
  // A flood of packets does not get an answer to each packet.
  world.site.delivered.clear();
  for (int i = 0; i < 1000; ++i) world.say(world.site, packet);
  world.run(10ms);
  CHECK(!world.site.delivered.empty());
  CHECK(world.site.delivered.size() < 100);
}

// --- keys that two nodes claim ---

Right right_of(std::uint8_t identity, std::uint8_t wireguard, std::uint8_t relay) {
  Right right;
  right.other.identity.bytes[0] = identity;
  right.other.wireguard.bytes[0] = wireguard;
  right.other.relay.bytes[0] = relay;
  right.grantee.bytes = {0xfd};
  right.grantee.bytes[15] = identity;
  return right;
}

TEST_CASE("ends attack: a key that two nodes claim belongs to the first") {
  Rights rights;
  const auto first = trust::GrantId::parse("01KAPJ3Q2V8Z4T6R9W1XMHC5DE");
  const auto second = trust::GrantId::parse("01KAPJ3Q2V8Z4T6R9W1XMHC5DF");
  REQUIRE((first && second));
  SECTION("the WireGuard key") {
    rights.emplace(*second, right_of(1, 7, 1));
    PeerSet peers = peers_of(rights, Role::kSite, {});
    REQUIRE(peers.size() == 1);
    // The thief's grant is older, but was learned later.
    rights.emplace(*first, right_of(2, 7, 2));
    CHECK(is_disputed(rights.at(*first).other, rights, peers));
    CHECK_FALSE(is_disputed(rights.at(*second).other, rights, peers));
    peers = peers_of(rights, Role::kSite, peers);
    REQUIRE(peers.size() == 1);
    CHECK(peers.begin()->second.node.identity.bytes[0] == 1);
    CHECK(peers.begin()->second.node.relay.bytes[0] == 1);
    CHECK(peers.begin()->second.allowed.size() == 1);
  }
  SECTION("the relay key") {
    rights.emplace(*second, right_of(1, 7, 1));
    PeerSet peers = peers_of(rights, Role::kSite, {});
    rights.emplace(*first, right_of(2, 8, 1));
    peers = peers_of(rights, Role::kSite, peers);
    REQUIRE(peers.size() == 2);
    crypto::WireGuardKey victim;
    victim.bytes[0] = 7;
    CHECK(peers.at(victim).owns_relay);
    for (const auto& [key, need] : peers) CHECK(need.owns_relay == (key == victim));
  }
}

}  // namespace
}  // namespace culvert::agent::test
