// The relays of a node, against frames written by hand.
#include "agent/core/relays.hpp"

#include <catch2/catch.hpp>

#include "agent/core/memory.hpp"
#include "proto/derp/login.hpp"

using namespace culvert;
using namespace culvert::agent;

namespace {

Bytes frame(derp::FrameType type, std::initializer_list<ByteView> parts) {
  Bytes out;
  derp::write_frame(out, type, parts);
  return out;
}

}  // namespace

TEST_CASE("relays: received packets are held until the next call, no longer") {
  SeededRng rng(3);
  ConnectionId connections = 0;
  const auto own = derp::RelayKeyPair::generate(rng);
  const auto relay = derp::RelayKeyPair::generate(rng);
  const auto peer = derp::RelayKeyPair::generate(rng).public_key;
  const Now now{Instant{1'000'000'000}, WallTime{1'795'273'200}};
  Relays relays(own.clone(), rng, connections);
  Effects out;
  Relays::Inbox inbox;
  relays.set_map({{"one", "relay.example.com", 7444, 0, relay.public_key, {}}}, out);
  relays.set_wanted(now, true, out);
  relays.ticket(now, "one", "a ticket", now.wall + std::chrono::seconds{600}, out);
  REQUIRE(connections == 1);
  REQUIRE(relays.handle_open(now, connections, out));
  const derp::Challenge challenge{rng.array<32>()};
  Bytes greeting;
  derp::write_server_key(greeting, relay.public_key, &challenge);
  relays.handle_bytes(now, connections, greeting, inbox, out);
  const auto info = derp::seal_server_info({}, relay, own.public_key, rng);
  relays.handle_bytes(now, connections, frame(derp::FrameType::kServerInfo, {info}), inbox, out);
  REQUIRE(relays.home() == "one");

  for (std::uint8_t i = 0; i < 100; ++i) {
    const Bytes packet(1000, i);
    const auto bytes = frame(derp::FrameType::kRecvPacket, {peer.view(), packet});
    Relays::Inbox got;
    relays.handle_bytes(now, connections, bytes, got, out);
    REQUIRE(got.packets.size() == 1);
    CHECK(got.packets[0].source == peer);
    CHECK(to_bytes(got.packets[0].bytes) == packet);
    CHECK(relays.held_bytes() <= 2 * packet.size());
  }
}

TEST_CASE(
    "relays: one that vanished is left within 25 s; the wait before the next try is bounded") {
  SeededRng rng(4);
  ConnectionId connections = 0;
  const auto own = derp::RelayKeyPair::generate(rng);
  const auto relay = derp::RelayKeyPair::generate(rng);
  Now now{Instant{1'000'000'000}, WallTime{1'795'273'200}};
  Relays relays(own.clone(), rng, connections);
  Effects out;
  Relays::Inbox inbox;
  relays.set_map({{"one", "relay.example.com", 7444, 0, relay.public_key, {}}}, out);
  relays.set_wanted(now, true, out);
  relays.ticket(now, "one", "a ticket", now.wall + std::chrono::seconds{6000}, out);
  REQUIRE(relays.handle_open(now, connections, out));
  const derp::Challenge challenge{rng.array<32>()};
  Bytes greeting;
  derp::write_server_key(greeting, relay.public_key, &challenge);
  relays.handle_bytes(now, connections, greeting, inbox, out);
  const auto info = derp::seal_server_info({}, relay, own.public_key, rng);
  relays.handle_bytes(now, connections, frame(derp::FrameType::kServerInfo, {info}), inbox, out);
  REQUIRE(relays.home() == "one");
  auto limit = now.steady + 25s;
  SECTION("it vanished") {}
  SECTION("it says that it restarts and asks for a wait without end") {
    Bytes restarting;
    derp::write_restarting(restarting, 0xFFFFFFFF, 0xFFFFFFFF);
    relays.handle_bytes(now, connections, restarting, inbox, out);
    limit += Relays::kMaxRestart;
  }
  const auto before = connections;
  while (connections == before && relays.next_deadline() <= limit + Backoff::kSpread) {
    now.steady = std::max(now.steady, relays.next_deadline());
    relays.handle_timeout(now, inbox, out);
    if (now.steady >= Instant{1'000'000'000} + 25s) CHECK(relays.home().empty());
  }
  CHECK(connections == before + 1);
}

TEST_CASE("memory: a site store that has lost its floors is refused, a new one is not") {
  trust::MemoryStore site;
  trust::MemoryStore node;
  Memory memory(site, node);
  CHECK(memory.floors().has_value());
  Origin origin;
  origin.kind = trust::NodeKind::kAgent;
  origin.pin.bytes[0] = 1;
  trust::Floors floors;
  floors.locked = true;
  REQUIRE(memory.save(floors));
  REQUIRE(memory.save(origin));
  REQUIRE(memory.floors().has_value());
  CHECK(memory.floors()->locked);
  REQUIRE(site.remove("floors"));
  REQUIRE_FALSE(memory.floors().has_value());
  CHECK(memory.floors().error().code == ErrorCode::kDenied);
}
