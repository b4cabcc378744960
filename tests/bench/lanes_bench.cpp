#include "tests/bench/bench.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "proto/ip/build.hpp"
#include "proto/wireguard/device.hpp"
#include "proto/wireguard/lane.hpp"
#include "tests/support/udp_packet.hpp"

namespace culvert::bench {
namespace {

using namespace wireguard;

constexpr Now kNow{{1'000'000'000}, {1'800'000'000}};
constexpr std::size_t kBatch = 64;
constexpr int kRounds = 5;

// One device `b` and its peers, each with a session.
struct Ends {
  crypto::SystemRng rng;
  Endpoint a_at{IpAddress::v4(192, 0, 2, 1), 1};
  Endpoint b_at{IpAddress::v4(192, 0, 2, 2), 2};
  IpAddress b_inner = *parse_address("fd00::b");
  Identity b_key = Identity::generate(rng);
  crypto::WireGuardKey b_public = b_key.public_key;
  Device b{std::move(b_key), rng, {.handshakes_per_second = 1U << 30U, .lanes = true}};
  std::vector<std::unique_ptr<Device>> a;
  std::vector<IpAddress> a_inner;
  std::vector<LaneChanges> a_changes;
  LaneChanges b_changes;

  explicit Ends(std::size_t peers) {
    for (std::size_t i = 0; i < peers; ++i) add(i);
    b_changes = b.take_changes();
  }

  static void pass(Output& from, const Endpoint& source, Device& to, Output& answers) {
    std::vector<Datagram> incoming;
    for (const auto& each : from.datagrams) {
      incoming.push_back({UdpWay{source}, each.datagram.bytes});
    }
    to.receive(kNow, incoming, answers);
    from.clear();
  }

  void add(std::size_t number) {
    Identity key = Identity::generate(rng);
    a_inner.push_back(*parse_address("fd00::a:" + std::to_string(number + 1)));
    PeerConfig of_a;
    of_a.public_key = key.public_key;
    of_a.allowed_ips = {Prefix::host(a_inner.back())};
    of_a.endpoint = a_at;
    PeerConfig of_b;
    of_b.public_key = b_public;
    of_b.allowed_ips = {Prefix::host(b_inner)};
    of_b.endpoint = b_at;
    a.push_back(std::make_unique<Device>(std::move(key), rng, DeviceOptions{.lanes = true}));
    (void)a.back()->add_peer(kNow, std::move(of_b));
    (void)b.add_peer(kNow, std::move(of_a));
    Output out_a;
    Output out_b;
    const Bytes first = ip::udp_packet({a_inner.back(), 1}, {b_inner, 2}, Bytes(50));
    const ByteView view = first;
    a.back()->send(kNow, {&view, 1}, out_a);
    pass(out_a, a_at, b, out_b);
    pass(out_b, b_at, *a.back(), out_a);
    pass(out_a, a_at, b, out_b);
    a_changes.push_back(a.back()->take_changes());
  }
};

// The work of one thread: seals a batch for one peer after the other, and opens each batch again.
class Worker {
 public:
  Worker(const Ends& ends, std::size_t first, std::size_t peers, std::size_t size)
      : from_a_(UdpWay{ends.a_at}) {
    Output nothing;
    opener_.apply(kNow.steady, ends.b_changes, nothing);
    for (std::size_t i = 0; i < peers; ++i) {
      const auto peer = (first + i) % ends.a.size();
      sealers_.push_back(std::make_unique<Lane>(DeviceOptions{.lanes = true}));
      sealers_.back()->apply(kNow.steady, ends.a_changes[peer], nothing);
      packets_.push_back(
          ip::udp_packet({ends.a_inner[peer], 1}, {ends.b_inner, 2}, Bytes(size - 48)));
    }
  }

  void batch(std::size_t number) {
    const auto peer = number % sealers_.size();
    // The packet has no room around it, so sealing copies the packet, and the packet can be sent
    // again.
    const RoomyPacket packet{packets_[peer], 0, packets_[peer].size()};
    batch_.assign(kBatch, packet);
    sealers_[peer]->send(kNow.steady, batch_, sealed_);
    for (const auto& each : sealed_.datagrams) {
      incoming_.push_back({from_a_, each.datagram.bytes});
    }
    opener_.receive(kNow.steady, incoming_, opened_, rest_);
    delivered += opened_.packets.size();
    incoming_.clear();
    sealed_.clear();
    opened_.clear();
    LaneReports reports;
    sealers_[peer]->take_reports(reports);
    opener_.take_reports(reports);
  }

  std::size_t delivered = 0;

 private:
  Way from_a_;
  std::vector<std::unique_ptr<Lane>> sealers_;
  Lane opener_{DeviceOptions{.lanes = true}};
  std::vector<Bytes> packets_;
  std::vector<RoomyPacket> batch_;
  Output sealed_, opened_;
  std::vector<Datagram> incoming_, rest_;
};

// Packets per second that `threads` threads together seal and open.
double rate(const Ends& ends, std::size_t threads, std::size_t size) {
  constexpr std::size_t kBatches = 1500;
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < threads; ++i) {
    workers.push_back(std::make_unique<Worker>(ends, i, ends.a.size(), size));
  }
  std::atomic<std::size_t> ready{0};
  std::vector<std::thread> running;
  auto begin = std::chrono::steady_clock::now();
  for (auto& worker : workers) {
    running.emplace_back([&, mine = worker.get()] {
      mine->batch(0);  // first allocations and AEAD set-up
      mine->delivered = 0;
      if (++ready == threads) begin = std::chrono::steady_clock::now();
      while (ready < threads) {
      }
      for (std::size_t i = 0; i < kBatches; ++i) mine->batch(i);
    });
  }
  for (auto& thread : running) thread.join();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  std::size_t delivered = 0;
  for (const auto& worker : workers) delivered += worker->delivered;
  return static_cast<double>(delivered) / taken.count();
}

double median(std::array<double, kRounds> values) {
  std::sort(values.begin(), values.end());
  return values[kRounds / 2];
}

void compare(const char* name, std::size_t peers, std::size_t size) {
  const Ends ends(peers);
  std::array<double, kRounds> one{};
  std::array<double, kRounds> two{};
  std::array<double, kRounds> ratio{};
  for (std::size_t i = 0; i < kRounds; ++i) {  // alternating, as the machine's speed drifts
    one.at(i) = rate(ends, 1, size);
    two.at(i) = rate(ends, 2, size);
    ratio.at(i) = two.at(i) / one.at(i);
  }
  std::printf(
      "lanes     %5zu B   %s: one %.0f, two %.0f thousand packets/s sealed and opened: x %.2f\n",
      size, name, median(one) / 1e3, median(two) / 1e3, median(ratio));
}

}  // namespace

void lanes() {
  for (const std::size_t size : {64U, 576U, 1420U}) {
    compare("one session", 1, size);
    compare("8 peers    ", 8, size);
  }
}

}  // namespace culvert::bench
