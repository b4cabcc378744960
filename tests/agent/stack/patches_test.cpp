// The changes that agent/stack/lwip/patches and tcp_index.c make to lwIP.
#include <catch2/catch.hpp>

#include "lwip/priv/tcp_priv.h"
#include "tests/agent/stack/netstack_support.hpp"

using namespace culvert;
using namespace culvert::device_test;

namespace {

void tick(int times) {  // advances lwIP's own clock without waiting
  for (int i = 0; i < times; ++i) tcp_tmr();
}

}  // namespace

TEST_CASE("lwip: what is lost is sent again, and little else") {
  World world(41, {.loss_percent = 1});
  auto pair = connected(world);
  const auto bytes = pattern(2'000'000, 41);
  Pump pump(pair->client, bytes);
  REQUIRE(world.until([&] { return pair->server.ended; }));
  CHECK(pair->server.received == bytes);
  const std::uint64_t needed = bytes.size() / TCP_MSS + 1;
  INFO(world.wire.with_data << " packets with data, " << needed << " needed, " << world.wire.lost
                            << " lost");
  CHECK(world.wire.lost > 10);
  CHECK(world.wire.with_data >= needed);
  // The retransmission of a whole window would be 380.
  CHECK(world.wire.with_data < needed + 5 * world.wire.lost);
}

TEST_CASE("lwip: one ACK answers a batch") {
  World world(42);
  auto pair = connected(world);
  const std::uint64_t before = world.wire.packets;
  Pump pump(pair->client, pattern(2'000'000, 42));
  REQUIRE(world.until([&] { return pair->server.ended; }));
  const std::uint64_t acks = world.wire.packets - before - world.wire.with_data;
  CHECK(acks < world.wire.with_data / 8);
}

TEST_CASE("lwip: an idle connection rests, and wakes") {
  World world(43);
  auto pair = connected(world);
  REQUIRE(tcp_active_pcbs != nullptr);
  tick(8);
  CHECK(tcp_active_pcbs == nullptr);
  REQUIRE(tcp_resting_pcbs != nullptr);
  pair->client.stream->write(view("good morning"));
  REQUIRE(world.until([&] { return !pair->server.received.empty(); }));
  REQUIRE(world.until([&] {  // until it is acknowledged
    tick(4);
    return tcp_active_pcbs == nullptr;
  }));
  pair->server.stream->finish();
  REQUIRE(world.until([&] { return pair->client.ended; }));
}

TEST_CASE("lwip: a resting connection ends with its stack, and by a reset") {
  World world(44);
  auto pair = connected(world);
  tick(8);
  REQUIRE(tcp_resting_pcbs != nullptr);
  pair->client.stream->close();
  pair->client.stream.reset();
  REQUIRE(world.until([&] { return pair->server.ended || pair->server.closed; }));
  auto other = connected(world);
  tick(8);
  world.stack.reset();
  CHECK(tcp_resting_pcbs == nullptr);
  CHECK(tcp_active_pcbs == nullptr);
}

TEST_CASE("lwip: a SYN finds room at the cost of the oldest in TIME-WAIT") {
  World world(45);
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 3; ++i) {
    auto pair = connected(world);
    ports.push_back(pair->peer.port);
    pair->client.stream->finish();
    pair->server.stream->finish();
    REQUIRE(world.until([&] { return pair->client.closed && pair->server.closed; }));
  }
  REQUIRE(tcp_tw_oldest != nullptr);
  CHECK(tcp_tw_oldest->local_port == ports.front());
  while (tcp_tw_oldest != nullptr) tcp_abort(tcp_tw_oldest);
  CHECK(tcp_tw_pcbs == nullptr);
}
