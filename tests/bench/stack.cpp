// Many connections in one userspace network stack that talks to itself: the memory of an idle
// connection and the cost of a busy one.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "agent/stack/netstack.hpp"
#include "proto/crypto/keys.hpp"
#include "tests/bench/bench.hpp"

namespace culvert::bench {
namespace {

using runtime::ByteStream;

constexpr std::size_t kMessage = 100;  // bytes each way
constexpr Duration kPatience = 60s;

double resident_mib() {
  std::size_t pages = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%*u %zu", &pages) != 1) pages = 0;
  if (file != nullptr) std::fclose(file);
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1U << 20U);
}

struct Stack {
  Stack() {
    stack.emplace(loop, rng, stack::NetstackOptions{},
                  [this](std::span<const RoomyPacket> packets) {
                    auto given = std::move(views);
                    given.clear();
                    for (const RoomyPacket& each : packets) given.push_back(each.packet());
                    stack->input(given);
                    views = std::move(given);
                  });
    (void)stack->add_address(here);
    (void)stack->add_address(there);
    (void)stack->listen(service, [this](std::unique_ptr<ByteStream> stream, const Endpoint&) {
      auto* raw = stream.get();
      runtime::StreamEvents events;
      events.data = [raw](ByteView bytes) { raw->write(bytes); };
      stream->start(std::move(events));
      servers.push_back(std::move(stream));
    });
  }

  // Opens connections until `count` are open, a dozen at a time: the listener limits half-open
  // ones.
  void open(std::size_t count) {
    while (clients.size() < count) {
      const std::size_t wanted = std::min(count, clients.size() + 64);
      for (std::size_t i = clients.size(); i < wanted; ++i) {
        stack->connect(here, service, 10s, [this](Result<std::unique_ptr<ByteStream>> stream) {
          if (stream) clients.push_back(std::move(*stream));
        });
      }
      if (!loop.run_until([&] { return clients.size() >= wanted; }, kPatience)) return;
    }
    loop.run_until([&] { return servers.size() >= count; }, kPatience);
  }

  crypto::SystemRng rng;
  runtime::Loop loop;
  IpAddress here = *parse_address("fd00::a");
  IpAddress there = *parse_address("fd00::b");
  Endpoint service{there, 443};
  std::vector<std::unique_ptr<ByteStream>> clients, servers;
  std::optional<stack::Netstack> stack;
  std::vector<ByteView> views;  // used in one call of the output callback, kept for its memory
};

void bench_idle() {
  constexpr std::size_t kEnds = 10'000;
  const double before = resident_mib();
  Stack stack;
  stack.open(kEnds / 2);
  const double after = resident_mib();
  std::printf("stack %6zu idle ends  %6.1f MiB resident, %.0f bytes an end\n",
              stack.clients.size() + stack.servers.size(), after,
              (after - before) * (1U << 20U) / kEnds);
}

// Round trips per second while each connection always has one message on its way.
double round_trips_a_second(std::size_t connections) {
  Stack stack;
  stack.open(connections);
  std::size_t done = 0;
  const Bytes message(kMessage, 7);
  for (const auto& client : stack.clients) {
    auto* raw = client.get();
    runtime::StreamEvents events;
    events.data = [&done, &message, raw](ByteView) {
      ++done;
      raw->write(message);
    };
    client->start(std::move(events));
    client->write(message);
  }
  const std::size_t wanted = 20 * connections + 100'000;
  stack.loop.run_until([&] { return done >= wanted / 10; }, kPatience);
  const std::size_t begun = done;
  const double time =
      seconds([&] { stack.loop.run_until([&] { return done >= wanted; }, kPatience); });
  return static_cast<double>(done - begun) / time;
}

}  // namespace

void stack() {
  bench_idle();  // first, while the heap is empty
  double few = 0;
  for (const std::size_t connections : {100U, 1000U, 5000U}) {
    const double rate = round_trips_a_second(connections);
    if (few == 0) few = rate;
    std::printf("stack %6zu busy       %7.0f round trips of %zu B a second, %.2f of those at 100\n",
                connections, rate, kMessage, rate / few);
  }
}

}  // namespace culvert::bench
