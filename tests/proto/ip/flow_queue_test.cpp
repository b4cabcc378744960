#include "proto/ip/flow_queue.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <map>

#include "proto/core/rng.hpp"
#include "proto/ip/build.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/udp_packet.hpp"

using namespace culvert;
using namespace culvert::ip;

namespace {

constexpr Instant kStart{1'000'000'000};

bool push(FlowQueue& queue, Instant now, std::uint32_t flow, const Bytes& bytes) {
  const auto room = queue.room(bytes.size());
  if (room.empty()) return false;
  std::copy(bytes.begin(), bytes.end(), room.begin());
  queue.push(now, bytes.size(), flow);
  return true;
}

}  // namespace

TEST_CASE("flow queue: all packets leave, in order within a flow", "[ip][flow_queue]") {
  SeededRng rng(GENERATE(range(0U, 20U)));
  FlowQueue queue(2, 200);
  std::map<std::uint32_t, std::deque<Bytes>> model;
  Instant now = kStart;
  std::uint64_t pushed = 0;
  std::uint64_t popped = 0;
  std::uint64_t refused = 0;
  std::uint32_t next = 0;
  for (int round = 0; round < 20'000; ++round) {
    now += Duration(static_cast<std::int64_t>(rng.below(300'000)));
    if (rng.below(100) < 52) {
      const auto flow = static_cast<std::uint32_t>(rng.below(7));
      Bytes bytes(8 + rng.below(rng.below(10) == 0 ? 9000 : 1400));
      store_be(bytes.data(), flow);
      store_be(bytes.data() + 4, next++);
      if (!push(queue, now, flow, bytes)) {
        ++refused;
        continue;
      }
      ++pushed;
      model[flow].push_back(bytes);
    } else if (const auto taken = queue.pop(now)) {
      ++popped;
      const auto flow = load_be<std::uint32_t>(taken->bytes.data());
      auto& expected = model[flow];
      REQUIRE_FALSE(expected.empty());
      REQUIRE(expected.front() == to_bytes(taken->bytes));
      expected.pop_front();
    }
    REQUIRE(pushed == popped + queue.waiting());
  }
  CHECK(popped > 5000);
  CHECK(refused > 0);
}

TEST_CASE("flow queue: one that sends little does not wait for those that send much",
          "[ip][flow_queue]") {
  FlowQueue queue(16, 4096);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(push(queue, kStart, 1, Bytes(60'000, 1)));
    REQUIRE(push(queue, kStart, 2, Bytes(60'000, 2)));
  }
  for (int i = 0; i < 4; ++i) REQUIRE(queue.pop(kStart));  // now both flows are old flows
  REQUIRE(push(queue, kStart, 3, Bytes(84, 3)));
  CHECK(queue.pop(kStart)->bytes.size() == 84);
}

TEST_CASE("flow queue: flows get the same bytes, whatever the size of their packets",
          "[ip][flow_queue]") {
  FlowQueue queue(16, 4096);
  for (int i = 0; i < 1000; ++i) REQUIRE(push(queue, kStart, 1, Bytes(600, 1)));
  for (int i = 0; i < 10; ++i) REQUIRE(push(queue, kStart, 2, Bytes(60'000, 2)));
  std::map<std::uint8_t, std::size_t> bytes;
  for (std::size_t sum = 0; sum < 600'000;) {
    const auto taken = queue.pop(kStart);
    bytes[taken->bytes[0]] += taken->bytes.size();
    sum += taken->bytes.size();
  }
  CHECK(bytes[1] > 240'000);
  CHECK(bytes[2] > 240'000);
}

TEST_CASE("flow queue: a full queue has no room before a block of packets has left",
          "[ip][flow_queue]") {
  FlowQueue queue(2, 1000);
  std::size_t count = 0;
  while (push(queue, kStart, 1, Bytes(60'000, 1))) ++count;
  CHECK(count == 8);
  CHECK(queue.room(1000).size() == 1000);  // behind the eight packets
  for (int i = 0; i < 4; ++i) {
    CHECK(queue.room(60'000).empty());
    REQUIRE(queue.pop(kStart));
  }
  CHECK(queue.room(60'000).size() == 60'000);
  CHECK(queue.room(FlowQueue::kBlock + 1).empty());

  FlowQueue few(2, 3);
  for (int i = 0; i < 3; ++i) REQUIRE(push(few, kStart, 1, Bytes(100, 1)));
  CHECK(few.room(100).empty());
  REQUIRE(few.pop(kStart));
  CHECK(few.room(100).size() == 100);
}

TEST_CASE("flow queue: a flow with a standing queue loses packets, a flow without one does not",
          "[ip][flow_queue]") {
  FlowQueue queue(16, 4096);
  std::size_t thinned = 0;
  Instant now = kStart;
  for (int i = 0; i < 20; ++i) REQUIRE(push(queue, now, 1, Bytes(30'000, 1)));
  for (int ms = 0; ms < 1000; ++ms) {  // one in, one out: each packet waits 20 ms
    now += 1ms;
    REQUIRE(push(queue, now, 1, Bytes(30'000, 1)));
    if (ms % 10 == 0) REQUIRE(push(queue, now, 2, Bytes(100, 2)));
    auto taken = queue.pop(now);
    if (taken->bytes[0] == 2) {
      CHECK_FALSE(taken->thin);
      taken = queue.pop(now);
    }
    CHECK(taken->bytes[0] == 1);
    thinned += taken->thin ? 1U : 0U;
  }
  CHECK(thinned > 10);
  CHECK(thinned < 50);
}

TEST_CASE("flow hash: addresses, protocol and ports; of a fragment not the ports",
          "[ip][flow_queue]") {
  const Endpoint a{*parse_address("fd77::1"), 1000};
  const Endpoint b{*parse_address("fd77::2"), 2000};
  const Bytes one = udp_packet(a, b, Bytes(100, 1));
  CHECK(flow_hash(one) == flow_hash(udp_packet(a, b, Bytes(5, 9))));
  CHECK(flow_hash(one) != flow_hash(udp_packet(a, {b.address, 2001}, {})));
  CHECK(flow_hash(one) != flow_hash(udp_packet(b, a, {})));
  const Endpoint c{IpAddress::v4(10, 0, 0, 1), 1000};
  const Endpoint d{IpAddress::v4(10, 0, 0, 2), 2000};
  Bytes whole = udp_packet(c, d, Bytes(100, 1));
  Bytes other = udp_packet(c, {d.address, 2001}, Bytes(100, 1));
  CHECK(flow_hash(whole) != flow_hash(other));
  for (Bytes* each : {&whole, &other}) store_be(each->data() + 6, std::uint16_t{0x2000});
  CHECK(flow_hash(whole) == flow_hash(other));
  for (std::size_t size = 0; size < one.size(); ++size) flow_hash(ByteView(one).first(size));
  std::map<std::uint32_t, int> places;
  for (std::uint16_t port = 1; port <= 1000; ++port) {
    ++places[flow_hash(udp_packet({a.address, port}, b, {})) % FlowQueue::kFlows];
  }
  CHECK(places.size() > 550);  // of 1,024 places, 637 are expected
}
