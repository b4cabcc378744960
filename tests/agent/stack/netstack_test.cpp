#include "agent/stack/netstack.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "proto/ip/build.hpp"
#include "tests/agent/stack/netstack_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::device_test;
using runtime::ByteStream;
using runtime::StreamEvents;
using stack::Netstack;

TEST_CASE("netstack: 10 MB each way arrive whole, in batches") {
  World world(1);
  transfer_both_ways(world, 10'000'000);
  CHECK(world.wire.packets > 4 * world.wire.batches);
  CHECK(world.wire.wrong_sums == 0);  // a kernel at the other end would drop them
  CHECK(world.stack->counters().connections == 0);
  CHECK(world.stack->counters().held_bytes == 0);
}

TEST_CASE("netstack: what arrives together is read together") {
  World world(15);
  auto pair = connected(world);
  const auto bytes = pattern(200'000, 15);
  pair->client.stream->write(bytes);
  REQUIRE(world.until([&] { return pair->server.received.size() == bytes.size(); }));
  CHECK(pair->server.received == bytes);
  CHECK(pair->server.pieces < bytes.size() / 1360 / 4);  // many packets in one event
}

TEST_CASE("netstack: loss and reordering cost time, not bytes") {
  for (const std::uint64_t seed : {11U, 12U, 13U}) {
    World world(seed, {.loss_percent = 2, .reorder_percent = 5});
    transfer_both_ways(world, 300'000);
    CHECK(world.wire.lost > 0);
    CHECK(world.wire.reordered > 0);
  }
}

TEST_CASE("netstack: told that its packets are too big, it makes smaller ones") {
  for (const std::uint64_t loss : {0U, 2U}) {
    INFO("loss " << loss);
    World world(5, {.loss_percent = loss});
    std::size_t late = 0;  // too large packets after the report
    bool told = false;
    world.on_packet = [&](ByteView packet) {
      if (packet.size() <= 1232) return;
      late += told ? 1 : 0;
      const auto view = ip::PacketView::parse(packet);
      const auto answer = ip::icmpv6_too_big(*view, world.a, 1232);
      const ByteView one = *answer;
      world.stack->input({&one, 1});
    };
    auto pair = connected(world);
    const auto bytes = pattern(loss == 0 ? 5'000'000 : 500'000, 3);
    Pump pump(pair->client, bytes);
    if (loss == 0) {
      REQUIRE(world.until([&] { return pair->server.received.size() > 3'000'000; }));
      told = true;  // long ago: packets that lwIP had built before have left
    }
    REQUIRE(world.until([&] { return pair->server.ended; }));
    CHECK(pair->server.received == bytes);
    CHECK(late == 0);
  }
}

TEST_CASE("netstack: the peer's address and port are what it connects from") {
  World world(2);
  auto pair = connected(world);
  CHECK(pair->peer.address == world.a);
  CHECK(pair->peer.port >= 32768);
}

TEST_CASE("netstack: a port is used again as late as possible") {
  World world(4);
  std::uint16_t last = 0;
  for (int i = 0; i < 3; ++i) {  // each connection leaves its port in TIME_WAIT at the other end
    const auto pair = connected(world);
    if (i > 0) CHECK(pair->peer.port == (last == 65535 ? 32768 : last + 1));
    last = pair->peer.port;
  }
}

TEST_CASE("netstack: a half-closed connection still carries the answer") {
  World world(3);
  auto pair = connected(world);
  pair->client.stream->write(view("question"));
  pair->client.stream->finish();
  REQUIRE(world.until([&] { return pair->server.ended; }));
  CHECK(text(pair->server.received) == "question");
  CHECK_FALSE(pair->client.ended);
  pair->server.stream->write(view("answer"));
  pair->server.stream->finish();
  REQUIRE(world.until([&] { return pair->client.closed && pair->server.closed; }));
  CHECK(text(pair->client.received) == "answer");
  CHECK(pair->client.ended);
}

TEST_CASE("netstack: what was finished arrives although its stream is gone") {
  World world(4);
  auto pair = connected(world);
  const auto last = pattern(1'000'000, 4);
  pair->client.stream->write(last);
  pair->client.stream->finish();
  pair->client.stream.reset();
  REQUIRE(world.until([&] { return pair->server.ended; }));
  CHECK(pair->server.received == last);
  CHECK_FALSE(pair->client.closed);
}

TEST_CASE("netstack: closing in the middle resets the other side") {
  World world(5);
  auto pair = connected(world);
  pair->client.stream->write(pattern(3'000'000, 5));
  pair->client.stream->close();
  REQUIRE(world.until([&] { return pair->server.closed.has_value(); }));
  CHECK(pair->server.closed->code == ErrorCode::kUnavailable);
  CHECK_FALSE(pair->server.closed->message.empty());
  CHECK_FALSE(pair->client.closed);
}

TEST_CASE("netstack: a stream may be destroyed in each of its events") {
  World world(6);
  for (const std::string which : {"data", "end", "closed"}) {
    auto pair = connected(world, false);
    auto* server = &pair->server;
    bool gone = false;
    const auto destroy = [&] {
      server->stream.reset();
      gone = true;
    };
    StreamEvents events;
    if (which == "data") events.data = [&](ByteView) { destroy(); };
    if (which == "end") events.end = destroy;
    if (which == "closed") events.closed = [&](const runtime::Closing&) { destroy(); };
    server->stream->start(std::move(events));
    pair->client.start();
    pair->client.stream->write(view("x"));
    pair->client.stream->finish();
    if (which == "closed") server->stream->finish();
    REQUIRE(world.until([&] { return gone && pair->client.closed; }));
  }
}

TEST_CASE("netstack: a slow reader stops its writer, and memory stays bounded") {
  World world(7);
  auto pair = connected(world);
  pair->server.stream->pause();
  const auto bytes = pattern(6'000'000, 7);
  Pump pump(pair->client, bytes);
  // When both windows are full, the wire carries only probes.
  REQUIRE(world.until([&] {
    return pair->client.stream->unsent() > runtime::kHighWater &&
           world.stack->counters().held_bytes > 400'000;
  }));
  CHECK(pair->server.received.empty());
  CHECK(world.stack->counters().held_bytes < 2U << 20U);
  CHECK(pair->client.stream->unsent() < 1U << 20U);
  pair->server.stream->resume();
  REQUIRE(world.until([&] { return pair->server.ended; }));
  CHECK(pair->server.received == bytes);
  CHECK(world.stack->counters().held_bytes == 0);
}

TEST_CASE("netstack: a writer that ignores unsent() is closed") {
  World world(8);
  auto pair = connected(world);
  pair->server.stream->pause();
  while (pair->client.stream->unsent() <= runtime::kMaxUnsent) {
    pair->client.stream->write(pattern(500'000, 8));
    if (pair->client.stream->unsent() == 0) break;  // closed
  }
  REQUIRE(world.until([&] { return pair->client.closed && pair->server.closed; }));
  CHECK(pair->client.closed->code == ErrorCode::kExhausted);
}

TEST_CASE("netstack: removing an address ends its connections and listeners") {
  World world(9);
  auto pair = connected(world);
  REQUIRE(world.stack->listen(world.service, [](auto, auto) {}));
  world.stack->remove_address(world.b);
  REQUIRE(world.until([&] { return pair->client.closed && pair->server.closed; }));
  CHECK(pair->server.closed->code == ErrorCode::kDenied);
  CHECK_FALSE(world.stack->listen(world.service, [](auto, auto) {}));
  REQUIRE(world.stack->add_address(world.b));
  CHECK(world.stack->listen(world.service, [](auto, auto) {}));
}

TEST_CASE("netstack: abort_if cuts what it names and nothing else") {
  World world(10);
  auto kept = connected(world);
  world.service.port = 444;
  auto cut = connected(world);
  world.stack->abort_if([&](const Endpoint& local, const Endpoint& remote) {
    return local == cut->peer || remote == cut->peer;
  });
  REQUIRE(world.until([&] { return cut->client.closed && cut->server.closed; }));
  CHECK(cut->server.closed->code == ErrorCode::kDenied);
  kept->client.stream->write(view("still here"));
  REQUIRE(world.until([&] { return !kept->server.received.empty(); }));
  CHECK_FALSE(kept->client.closed);
}

TEST_CASE("netstack: a peer that started anew loses its connections and nobody else does") {
  World world(20);
  REQUIRE(world.stack->add_address(address(3)));
  auto kept = connected(world, true, address(3));
  auto pair = connected(world);
  world.stack->end_peer(world.a);
  REQUIRE(world.until([&] { return pair->client.closed && pair->server.closed; }));
  CHECK(pair->server.closed->code == ErrorCode::kUnavailable);
  CHECK_FALSE(pair->server.closed->message.empty());
  kept->client.stream->write(view("still here"));
  REQUIRE(world.until([&] { return !kept->server.received.empty(); }));
  CHECK_FALSE(kept->client.closed);
}

TEST_CASE("netstack: what this side is opening outlives the peer's start") {
  World world(21);
  std::unique_ptr<ByteStream> opened;
  REQUIRE(world.stack->listen(world.service, [](auto, auto) {}));
  world.stack->connect(world.a, world.service, 10s, [&](auto stream) {
    REQUIRE(stream);
    opened = std::move(*stream);
  });
  world.stack->end_peer(world.b);
  REQUIRE(world.until([&] { return opened != nullptr; }));
}

TEST_CASE("netstack: a connection that cannot be is an error with its reason") {
  World world(14);
  std::optional<Error> error;
  const auto done = [&](Result<std::unique_ptr<ByteStream>> stream) {
    REQUIRE_FALSE(stream);
    error = stream.error();
  };
  SECTION("nobody listens") {
    world.stack->connect(world.a, world.service, 10s, done);
    REQUIRE(world.until([&] { return error.has_value(); }));
    CHECK(error->code == ErrorCode::kUnavailable);
  }
  SECTION("nobody answers") {
    world.wire.cut = true;
    world.stack->connect(world.a, world.service, 200ms, done);
    REQUIRE(world.until([&] { return error.has_value(); }));
    CHECK(error->code == ErrorCode::kTimeout);
  }
  SECTION("the source is not ours") {
    world.stack->connect(address(9), world.service, 10s, done);
    REQUIRE(world.until([&] { return error.has_value(); }));
    CHECK(error->code == ErrorCode::kInvalid);
  }
  CHECK(world.stack->counters().connections == 0);
}

TEST_CASE("netstack: 200 connections at once") {
  World world(15);
  std::vector<std::unique_ptr<End>> servers;
  REQUIRE(world.stack->listen(world.service, [&](std::unique_ptr<ByteStream> stream, Endpoint) {
    auto& end = *servers.emplace_back(std::make_unique<End>());
    end.stream = std::move(stream);
    end.start();
  }));
  std::vector<std::unique_ptr<End>> clients;
  for (int i = 0; i < 200; ++i) {
    world.stack->connect(world.a, world.service, 10s, [&](auto stream) {
      REQUIRE(stream);
      auto& end = *clients.emplace_back(std::make_unique<End>());
      end.stream = std::move(*stream);
      end.start();
      end.stream->write(pattern(20'000, clients.size()));
      end.stream->finish();
    });
  }
  const auto all_ended = [&] {
    return servers.size() == 200 &&
           std::all_of(servers.begin(), servers.end(), [](auto& end) { return end->ended; });
  };
  REQUIRE(world.until(all_ended));
  for (const auto& server : servers) {
    CHECK(server->received.size() == 20'000);
    server->stream->finish();
  }
  REQUIRE(world.until([&] {
    return std::all_of(clients.begin(), clients.end(),
                       [](auto& end) { return end->closed.has_value(); });
  }));
  CHECK(world.stack->counters().accepted == 200);
}

TEST_CASE("netstack: more connections than it holds are refused, not fatal") {
  World world(16);
  std::vector<std::unique_ptr<ByteStream>> open;
  REQUIRE(world.stack->listen(world.service, [&](std::unique_ptr<ByteStream> stream, Endpoint) {
    open.push_back(std::move(stream));
  }));
  std::size_t answers = 0, refused = 0;
  const std::size_t wanted = stack::kMaxConnections + 10;
  for (std::size_t i = 0; i < wanted; ++i) {
    world.stack->connect(world.a, world.service, 1s, [&](auto stream) {
      ++answers;
      if (stream) {
        open.push_back(std::move(*stream));
      } else {
        ++refused;
      }
    });
  }
  REQUIRE(world.until([&] { return answers == wanted; }));
  CHECK(refused > 0);
  CHECK(world.stack->counters().connections <= stack::kMaxConnections);
}

TEST_CASE("netstack: packets that are not plain TCP over IPv6 never reach lwIP") {
  World world(17);
  SeededRng rng(17);
  Bytes tcp(60);
  tcp[0] = 0x60;
  tcp[5] = 20;
  tcp[6] = 6;
  tcp[52] = 5 << 4;
  const auto options = [&](std::initializer_list<int> four) {
    auto packet = tcp;
    packet[5] = 24;
    packet[52] = 6 << 4;
    for (const int byte : four) packet.push_back(static_cast<std::uint8_t>(byte));
    return packet;
  };
  auto with = [&](std::size_t at, std::uint8_t value) {
    auto packet = tcp;
    packet[at] = value;
    return packet;
  };
  const std::vector<Bytes> bad = {{},
                                  Bytes(10),
                                  with(0, 0x45),          // IPv4
                                  with(6, 0),             // hop-by-hop
                                  with(6, 44),            // fragment
                                  with(6, 17),            // UDP
                                  with(6, 58),            // ICMPv6
                                  with(5, 19),            // length too small
                                  with(5, 21),            // length too large
                                  with(52, 4 << 4),       // header too short
                                  with(52, 6 << 4),       // … longer than the segment
                                  options({1, 1, 1, 3}),  // no length
                                  options({2, 5, 0, 0}),  // … too large
                                  options({1, 1, 8, 0}),  // … too small
                                  options({1, 1, 8, 1})};
  for (const auto& packet : bad) {
    const ByteView one(packet);
    world.stack->input({&one, 1});
  }
  CHECK(world.stack->counters().dropped_in == bad.size());
  for (int i = 0; i < 5000; ++i) {  // valid address and next header, otherwise noise
    auto packet = Bytes(60 + rng.below(40));
    rng.fill(packet);
    packet[0] = 0x60;
    store_be(packet.data() + 4, static_cast<std::uint16_t>(packet.size() - 40));
    packet[6] = 6;
    packet[52] = 5 << 4;
    std::memcpy(packet.data() + 24, world.b.bytes.data(), 16);
    const ByteView one(packet);
    world.stack->input({&one, 1});
  }
  auto pair = connected(world);
  pair->client.stream->write(view("alive"));
  REQUIRE(world.until([&] { return !pair->server.received.empty(); }));
}

TEST_CASE("netstack: addresses have a stated maximum") {
  World world(18);
  for (std::size_t i = 2; i < stack::kMaxAddresses; ++i) {
    REQUIRE(world.stack->add_address(address(static_cast<std::uint8_t>(i + 1))));
  }
  const auto full = world.stack->add_address(address(200));
  REQUIRE_FALSE(full);
  CHECK(full.error().code == ErrorCode::kExhausted);
  CHECK(world.stack->add_address(world.a));  // a second time: no effect
  world.stack->remove_address(world.a);
  CHECK(world.stack->add_address(address(200)));
}

TEST_CASE("netstack: streams outlive their stack in silence") {
  World world(19);
  auto pair = connected(world);
  pair->client.stream->write(pattern(2'000'000, 19));
  REQUIRE(world.until([&] { return !pair->server.received.empty(); }));
  world.stack.reset();
  pair->client.stream->write(view("to nobody"));
  pair->client.stream->finish();
  pair->server.stream->resume();
  pair->server.stream.reset();
  CHECK_FALSE(pair->client.closed);
}
