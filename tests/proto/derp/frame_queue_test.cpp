#include "proto/derp/frame_queue.hpp"

#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::derp;

namespace {

constexpr Instant kStart{1'000'000'000};
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

std::vector<std::uint32_t> numbers(ByteView frames) {
  std::vector<std::uint32_t> out;
  FrameReader reader;
  const auto fed = reader.feed(frames, [&](const Frame& frame) {
    out.push_back(load_be<std::uint32_t>(frame.payload.data() + kKeySize));
    return true;
  });
  REQUIRE(fed);
  return out;
}

std::size_t push(PacketQueue& queue, Instant now, std::size_t limit, std::uint32_t number,
                 std::size_t size = 1000) {
  const Bytes key(kKeySize, 1);
  Bytes packet(size);
  store_be(packet.data(), number);
  return queue.push(now, limit, FrameType::kRecvPacket, {key, packet});
}

}  // namespace

TEST_CASE("packet queue: everything once, in order, or counted as dropped", "[derp]") {
  const auto least = GENERATE(4U, 300U);  // 300: no short packets
  SeededRng rng(GENERATE(range(0U, 10U)));
  PacketQueue queue;
  Instant now = kStart;
  std::uint32_t next = 0;
  std::size_t dropped = 0;
  std::vector<std::uint32_t> got;
  for (int round = 0; round < 5000; ++round) {
    now += Duration(static_cast<std::int64_t>(rng.below(2'000'000)));
    if (rng.below(10) < 7) {
      dropped += push(queue, now, 20'000, next++, least + rng.below(1500));
      CHECK(queue.bytes() <= 20'000);
      continue;
    }
    Bytes out;
    const auto pulled = queue.pull(now, rng.below(2000), out);
    CHECK(pulled.bytes == out.size());
    dropped += pulled.dropped;
    for (const auto number : numbers(out)) got.push_back(number);
  }
  if (least > PacketQueue::kShort) CHECK(std::is_sorted(got.begin(), got.end()));
  std::sort(got.begin(), got.end());
  CHECK(std::adjacent_find(got.begin(), got.end()) == got.end());
  CHECK(got.size() + dropped + queue.count() == next);
  CHECK(dropped > 0);
}

TEST_CASE("packet queue: one that stays is thinned, one that gets empty is not", "[derp]") {
  PacketQueue queue;
  Instant now = kStart;
  std::uint32_t next = 0;
  std::size_t dropped = 0;
  const std::size_t standing = GENERATE(1U, 30U);
  for (std::size_t i = 1; i < standing; ++i) push(queue, now, kNoLimit, next++);
  for (int ms = 0; ms < 2000; ++ms) {  // each ms one packet comes and one leaves
    now += 1ms;
    push(queue, now, kNoLimit, next++);
    Bytes out;
    dropped += queue.pull(now, 1, out).dropped;
  }
  if (standing == 1) {
    CHECK(dropped == 0);
  } else {  // 25 packets too many: as few drops as possible
    CHECK(dropped >= 20);
    CHECK(dropped < standing);
    CHECK(queue.count() <= 6);
  }
}

TEST_CASE("packet queue: short ones do not wait for long ones, nor long ones for ever", "[derp]") {
  PacketQueue queue;
  for (std::uint32_t i = 0; i < 100; ++i) push(queue, kStart, kNoLimit, i);
  for (std::uint32_t i = 100; i < 200; ++i) push(queue, kStart, kNoLimit, i, 100);
  Bytes out;
  queue.pull(kStart, 500, out);
  CHECK(numbers(out) == std::vector<std::uint32_t>{100, 101, 102, 103});
  out.clear();
  queue.pull(kStart, 27'000, out);
  const auto got = numbers(out);
  const auto longs =
      std::count_if(got.begin(), got.end(), [](auto number) { return number < 100; });
  CHECK(longs >= 11);  // at least half of the bytes, except for the short packets' credit
}

TEST_CASE("packet queue: a full one drops its oldest long packets first", "[derp]") {
  PacketQueue queue;
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(push(queue, kStart, 5000, i) == 0);
  CHECK(push(queue, kStart, 5000, 3, 100) == 0);
  CHECK(push(queue, kStart, 5000, 4) == 0);
  CHECK(push(queue, kStart, 5000, 5) == 1);
  Bytes out;
  queue.pull(kStart, kNoLimit, out);
  CHECK(numbers(out) == std::vector<std::uint32_t>{3, 1, 2, 4, 5});
}
