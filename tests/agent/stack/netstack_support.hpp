// lwIP has one stack per process, so the stack in these tests talks to itself: its packets go
// through a wire, which loses and reorders packets from a seed, and come back in. Addresses a and b
// are the two ends.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/stack/netstack.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::device_test {

constexpr Duration kPatience = 60s;  // until a hanging test fails

IpAddress address(std::uint8_t last);  // in fd00:c0:1::/64

struct Wire {
  std::uint64_t loss_percent = 0;
  std::uint64_t reorder_percent = 0;
  std::uint64_t lost = 0, reordered = 0, batches = 0, packets = 0;
  std::uint64_t with_data = 0;   // packets with data
  std::uint64_t wrong_sums = 0;  // of TCP checksums
  bool cut = false;
};

struct World {
  explicit World(std::uint64_t seed_value, Wire wire_options = {});

  void carry(std::span<const RoomyPacket> packets);
  bool until(const std::function<bool()>& done) { return loop.run_until(done, kPatience); }

  std::uint64_t seed;
  runtime::Loop loop;
  SeededRng rng;
  Wire wire;
  std::vector<Bytes> late;
  std::function<void(ByteView)> on_packet;
  IpAddress a = address(1), b = address(2);
  Endpoint service{b, 443};
  std::optional<stack::Netstack> stack;
};

// One end of a connection, with the bytes and events that it got.
struct End {
  std::unique_ptr<runtime::ByteStream> stream;
  Bytes received;
  std::size_t pieces = 0;  // data events
  std::size_t events_after_closed = 0;
  bool ended = false;
  std::optional<Error> closed;
  std::function<void()> on_drained;

  void start();
};

struct Pair {
  End client, server;
  Endpoint peer;
};

// Both ends of an open connection from a (or `from`) to b.
std::unique_ptr<Pair> connected(World& world, bool start = true,
                                std::optional<IpAddress> from = {});

Bytes pattern(std::size_t size, std::uint64_t seed);

// Writes all of `bytes` at the pace of the stream, then finishes.
class Pump {
 public:
  Pump(End& end, Bytes bytes);
  void more();

 private:
  End& end_;
  Bytes bytes_;
  std::size_t sent_ = 0;
};

void transfer_both_ways(World& world, std::size_t size);

}  // namespace culvert::device_test
