// How a sender reacts to losses (agent/stack/lwip/patches/05-time.patch).
#include <array>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/agent/stack/link_support.hpp"

using namespace culvert;
using namespace culvert::device_test;

namespace {

// Drops the next segment with data `times` times. Returns the time until its last transmission.
Duration repaired_after(Simulation& world, int times) {
  std::optional<std::uint32_t> lost;
  std::optional<Instant> begun, done;
  int sent = 0;
  world.lose = [&](const ip::PacketView& packet) {
    if (packet.destination != world.b || packet.payload().empty()) return false;
    const auto sequence = load_be<std::uint32_t>(packet.transport.data() + 4);
    if (!lost) lost = sequence;
    if (sequence != *lost) return false;
    if (!begun) begun = world.now;
    if (++sent > times) done = world.now;
    return sent <= times;
  };
  world.run(1s);
  world.lose = nullptr;
  REQUIRE(done);
  CHECK(sent == times + 1);  // no further retransmission
  return *done - *begun;
}

}  // namespace

TEST_CASE("loss: one in a hundred leaves more than Reno's formula has") {
  // Mathis, Semke, Mahdavi and Ott (1997): MSS / RTT · √(3/2) / √p
  const double formula = TCP_MSS * 8e-6 / 0.02 * std::sqrt(1.5 / 0.01);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Simulation world(seed, {.loss_percent = 1});
    auto& flow = world.open();
    world.run(30s);
    INFO("seed " << seed << ": " << mbit(flow.arrived, 30s) << " Mbit/s, Reno " << formula);
    CHECK(mbit(flow.arrived, 30s) > 1.3 * formula);
  }
}

TEST_CASE("loss: what is lost again and again is repaired without a timeout") {
  for (const int times : {1, 2, 3}) {
    INFO(times << " times");
    Simulation world(7, {});
    auto& flow = world.open();
    flow.pcb->ssthresh = 30 * TCP_MSS;
    world.run(200ms);
    CHECK(repaired_after(world, times) < times * 50ms);
    CHECK(flow.pcb->cwnd > 20 * TCP_MSS);
  }
}

TEST_CASE("loss: so is what is lost twice where the window lets nothing follow it") {
  Simulation world(7, {});
  auto& flow = world.open();
  world.run(200ms);
  CHECK(repaired_after(world, 2) < 150ms);  // a timeout is 200 ms at least
  CHECK(flow.pcb->cwnd > 100 * TCP_MSS);
}

// Loses the last flight, or the one ACK for the last flight.
TEST_CASE("loss: a lost end of a transfer is probed for before a timeout") {
  for (const bool ack : {false, true}) {
    INFO((ack ? "the ACK" : "the last three segments"));
    constexpr std::uint64_t kSize = 9 * TCP_MSS;
    Simulation world(8, {});
    auto& flow = world.open(0);
    world.run(200ms);
    int lost = 0;
    world.lose = [&](const ip::PacketView& packet) {
      const auto sequence = load_be<std::uint32_t>(packet.transport.data() + 4);
      const bool last = sequence - flow.pcb->lastack >= kSize - 3 * TCP_MSS;
      const bool chosen = packet.payload().empty() == ack && (ack ? lost < 1 : last && lost < 3);
      if (chosen) ++lost;
      return chosen;
    };
    flow.left = kSize;
    flow.write();
    world.stack->input({});
    const auto begun = world.now;
    while (flow.pcb->unacked != nullptr && world.now < begun + 10s) world.step();
    CHECK(lost == (ack ? 1 : 3));
    CHECK(flow.arrived == kSize);
    CHECK(world.now - begun < 180ms);
    CHECK(flow.pcb->cwnd > TCP_MSS);
  }
}

TEST_CASE("loss: a connection that was silent for long goes on as before") {
  Simulation world(10, {});
  auto& flow = world.open(1000 * TCP_MSS);
  world.run(2s);
  REQUIRE(flow.pcb->unacked == nullptr);
  for (const Duration silence : {40min, 60min, 71min}) {  // half of the 32-bit clock is 36 min
    world.now += silence;
    world.tick_at = world.now;
    world.step();
    const auto window = flow.pcb->cwnd;
    const auto before = flow.arrived;
    flow.left = 20 * TCP_MSS;
    flow.write();
    world.stack->input({});
    world.run(30ms);
    CHECK(flow.arrived - before == 20 * TCP_MSS);
    CHECK(flow.pcb->unacked == nullptr);
    CHECK(flow.pcb->cwnd >= window);
    CHECK(flow.pcb->srtt < 25'000);
  }
}

// A link of 10 Mbit/s; 25 kB fit on the way.
TEST_CASE("loss: behind a queue a flow is as polite as Reno") {
  for (const std::size_t queue : {25'000U, 50'000U, 100'000U}) {
    INFO("queue of " << queue);
    const LinkOptions options{.bytes_per_second = 1.25e6, .queue = queue};
    std::array<std::uint64_t, 2> dropped{};
    for (const bool reno : {false, true}) {  // first each flow alone
      Simulation world(queue, options);
      auto& flow = world.open();
      flow.reno = reno;
      world.run(60s);
      CHECK(mbit(flow.arrived, 60s) > 9.3);
      dropped.at(reno ? 1 : 0) = world.forth.dropped;
    }
    CHECK(dropped[0] < dropped[1] * 3 / 2);
    CHECK(dropped[0] < 200);  // of 52,000
    Simulation world(queue, options);
    auto& other = world.open();
    auto& flow = world.open();
    other.reno = true;
    world.run(100s);
    CHECK(mbit(other.arrived, 100s) > 4);
    CHECK(mbit(flow.arrived, 100s) > 4);
  }
}

// The queue is too short for Reno alone to fill the link.
TEST_CASE("loss: behind a short queue Reno keeps a share") {
  Simulation world(9, {.bytes_per_second = 1.25e6, .queue = 10'000});
  auto& other = world.open();
  auto& flow = world.open();
  other.reno = true;
  world.run(100s);
  CHECK(mbit(other.arrived, 100s) > 1.5);
  CHECK(mbit(other.arrived + flow.arrived, 100s) > 9);
}
