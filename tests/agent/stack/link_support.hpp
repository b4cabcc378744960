// Two ends of one stack in simulated time, joined by a link with a delay, random loss and, if the
// test asks for it, a rate and a drop-tail queue. The loop never runs, so nothing depends on the
// machine's clock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "lwip/priv/tcp_priv.h"
#include "proto/ip/packet.hpp"
#include "tests/agent/stack/netstack_support.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::device_test {

struct LinkOptions {
  Duration delay = 10ms;  // each way
  std::uint64_t loss_percent = 0;
  double bytes_per_second = 0;  // from a to b; 0: no limit
  std::size_t queue = 0;        // bytes that wait for the link
};

struct Direction {
  struct Packet {
    Instant due;
    Bytes bytes;
  };

  void take(ByteView packet, Instant now, const LinkOptions& options);

  std::deque<Packet> packets;
  std::uint64_t dropped = 0;  // packets that the queue has dropped
  Instant free;               // when all waiting packets have left
};

// A flow from a to b.
struct Flow {
  void write();

  std::unique_ptr<runtime::ByteStream> from, to;
  std::uint64_t arrived = 0;
  std::uint64_t left = 0;  // bytes not yet written
  tcp_pcb* pcb = nullptr;  // of `from`
  bool reno = false;       // true: halves its window at each loss
};

struct Simulation {
  Simulation(std::uint64_t seed, LinkOptions link_options);

  Flow& open(std::uint64_t bytes = UINT64_MAX);
  void step();  // runs the next packets or tick
  void run(Duration time);
  void carry(ByteView packet);

  Instant now{4'265'000'000'000};  // 30 s before lwIP's 32 bits of µs are full
  Instant tick_at = now;
  runtime::Loop loop;
  SeededRng rng;
  LinkOptions options;
  Direction forth, back;
  std::function<bool(const ip::PacketView&)> lose;
  IpAddress a = address(1), b = address(2);
  std::deque<Flow> flows;
  std::optional<stack::Netstack> stack;
};

double mbit(std::uint64_t bytes, Duration time);  // a second

}  // namespace culvert::device_test
