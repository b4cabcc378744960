// A node's connections to relays, with DERP frames written by hand.
#include "agent/mesh/relays.hpp"

#include <catch2/catch.hpp>

#include "proto/derp/login.hpp"
#include "tests/support/memory_state.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::agent;

namespace {

Bytes frame(derp::FrameType type, std::initializer_list<ByteView> parts) {
  Bytes out;
  derp::write_frame(out, type, parts);
  return out;
}

// A node that is logged in to one relay.
struct Node {
  Node() {
    relays.set_map({{{"one", "relay.example.com", 7444, 0, relay.public_key, {}}, {}, true}}, out);
    relays.set_wanted(now, true, out);
    relays.ticket(now, "one", "a ticket", now.wall + std::chrono::seconds{6000}, out);
    REQUIRE(connection == 1);
    REQUIRE(relays.handle_open(now, connection, out));
    const derp::Challenge challenge{rng.array<32>()};
    Bytes greeting;
    derp::write_server_key(greeting, relay.public_key, &challenge);
    relays.handle_bytes(now, connection, greeting, inbox, out);
    const auto info = derp::seal_server_info({}, relay, own.public_key, rng);
    relays.handle_bytes(now, connection, frame(derp::FrameType::kServerInfo, {info}), inbox, out);
    REQUIRE(relays.home() == "one");
    Bytes login;
    relays.pull(now, connection, 1 << 20, login);
    out.clear();
  }

  SeededRng rng{3};
  ConnectionId connection = 0;
  derp::RelayKeyPair own = derp::RelayKeyPair::generate(rng);
  derp::RelayKeyPair relay = derp::RelayKeyPair::generate(rng);
  crypto::RelayKey peer = derp::RelayKeyPair::generate(rng).public_key;
  Now now{Instant{1'000'000'000}, WallTime{1'795'273'200}};
  Relays relays{own.clone(), rng, connection};
  MeshEffects out;
  Relays::Inbox inbox;
};

}  // namespace

TEST_CASE("relays: received packets are held until the next call, no longer") {
  Node node;

  for (std::uint8_t i = 0; i < 100; ++i) {
    const Bytes packet(1000, i);
    const auto bytes = frame(derp::FrameType::kRecvPacket, {node.peer.view(), packet});
    Relays::Inbox got;
    node.relays.handle_bytes(node.now, node.connection, bytes, got, node.out);
    REQUIRE(got.packets.size() == 1);
    CHECK(std::get<RelayWay>(got.packets[0].way).key == node.peer);
    CHECK(to_bytes(got.packets[0].bytes) == packet);
    CHECK(node.relays.held_bytes() <= 2 * packet.size());
  }
}

TEST_CASE(
    "relays: one that vanished is left within 25 s; the wait before the next try is bounded") {
  Node node;
  auto limit = node.now.steady + 25s;
  SECTION("it vanished") {}
  SECTION("it says that it restarts and asks for a wait without end") {
    Bytes restarting;
    derp::write_restarting(restarting, 0xFFFFFFFF, 0xFFFFFFFF);
    node.relays.handle_bytes(node.now, node.connection, restarting, node.inbox, node.out);
    limit += Relays::kMaxRestart;
  }
  const auto before = node.connection;
  while (node.connection == before && node.relays.next_deadline() <= limit + Backoff::kSpread) {
    node.now.steady = std::max(node.now.steady, node.relays.next_deadline());
    node.relays.handle_timeout(node.now, node.inbox, node.out);
    if (node.now.steady >= Instant{1'000'000'000} + 25s) CHECK(node.relays.home().empty());
  }
  CHECK(node.connection == before + 1);
}

TEST_CASE("relays: packets for a site that names its relays take no other one") {
  Node node;
  const Bytes packet(100, 7);
  CHECK(node.relays.home_for(node.peer) == "one");
  node.relays.set_met_at({{node.peer, {"two"}}});
  CHECK(node.relays.home_for(node.peer).empty());
  CHECK(node.relays.ready_since(node.peer) == Instant{});
  CHECK(!node.relays.says_gone(node.peer));
  CHECK(!node.relays.send(node.now, node.peer, packet));
  CHECK(node.relays.home() == "one");  // still the home for other peers
  node.relays.set_met_at({{node.peer, {"one", "two"}}});
  CHECK(node.relays.home_for(node.peer) == "one");
  CHECK(node.relays.send(node.now, node.peer, packet));
}

TEST_CASE("relays: a notice of absence counts until the peer is a new peer again") {
  Node node;
  const Bytes gone(1, static_cast<std::uint8_t>(derp::PeerGoneReason::kDisconnected));
  const auto notice = frame(derp::FrameType::kPeerGone, {node.peer.view(), gone});
  node.relays.handle_bytes(node.now, node.connection, notice, node.inbox, node.out);
  CHECK(node.relays.says_gone(node.peer));
  node.relays.forget_absence(node.peer);
  CHECK(!node.relays.says_gone(node.peer));
  node.relays.handle_bytes(node.now, node.connection, notice, node.inbox, node.out);
  CHECK(node.relays.says_gone(node.peer));
}

TEST_CASE("relays: another choice of the same list leaves and takes up relays") {
  Node node;
  auto map = node.relays.map();
  map.push_back({{"two", "two.example.com", 7444, 0, node.relay.public_key, {}}, {}, true});
  node.relays.set_map(map, node.out);
  CHECK(node.relays.home() == "one");  // the connection to the home relay stays
  CHECK(node.out.events.empty());
  map.front().kept = false;
  node.relays.set_map(map, node.out);
  CHECK(node.relays.home().empty());
  REQUIRE(node.out.events.size() == 1);
  CHECK(std::holds_alternative<CloseRelay>(node.out.events.front()));
}

TEST_CASE("relays: what a slow relay does not take is bounded, and disco goes first") {
  Node node;
  Bytes wire;
  const Bytes data(1000, 4);
  for (int i = 0; i < 10'000; ++i) CHECK(node.relays.send(node.now, node.peer, data));
  Bytes disco = to_bytes(view("TS\xF0\x9F\x92\xAC"));
  disco.resize(200);
  for (int i = 0; i < 100; ++i) CHECK(node.relays.send(node.now, node.peer, disco));
  node.out.clear();
  node.relays.flush(node.now, node.out);
  REQUIRE(node.out.events.size() == 1);
  CHECK(std::get<FlushRelay>(node.out.events[0]).id == node.connection);

  std::vector<std::size_t> sizes;
  for (bool more = true; more;) {  // pulls little at a time
    wire.clear();
    node.relays.pull(node.now, node.connection, 5000, wire);
    more = !wire.empty();
    CHECK(wire.size() < 7000);
    derp::FrameReader reader;
    REQUIRE(reader.feed(wire, [&](const derp::Frame& each) {
      sizes.push_back(derp::read_packet(each.payload).bytes.size());
      return true;
    }));
  }
  REQUIRE(sizes.size() > 1000);
  CHECK(sizes.size() < Relays::kMaxDisco + Relays::kMaxData / 1000);
  CHECK(std::count(sizes.begin(), sizes.end(), 200U) == Relays::kMaxDisco);
  CHECK(std::all_of(sizes.begin(), sizes.begin() + Relays::kMaxDisco,
                    [](std::size_t size) { return size == 200; }));
  node.out.clear();
  node.relays.flush(node.now, node.out);
  CHECK(node.out.events.empty());
}

TEST_CASE("relays: one that asks and takes no answer is left") {
  Node node;
  const Bytes ping = frame(derp::FrameType::kPing, {Bytes(8, 1)});
  for (int i = 0; i < 10'000 && node.relays.home() == "one"; ++i) {
    node.relays.handle_bytes(node.now, node.connection, ping, node.inbox, node.out);
  }
  CHECK(node.relays.home().empty());
  CHECK(node.relays.next_deadline() < node.now.steady + 60s);  // a new attempt follows
}
