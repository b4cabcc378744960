// In-process benchmarks: the cost of the cores without sockets. Each figure is the median of
// kRounds rounds. tunnel.py compares with other programs.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <vector>

#include "proto/crypto/aead.hpp"
#include "proto/ip/build.hpp"
#include "proto/wireguard/device.hpp"
#include "tests/bench/bench.hpp"
#include "tests/support/udp_packet.hpp"

using namespace culvert;
using bench::seconds;

namespace {

constexpr int kRounds = 5;
constexpr std::size_t kBatch = 64;

double median_seconds(const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i < kRounds; ++i) times.push_back(seconds(work));
  std::sort(times.begin(), times.end());
  return times[kRounds / 2];
}

// Two devices that are each other's only peer.
struct Pair {
  static constexpr Now kStart{{1'000'000'000}, {1'800'000'000}};

  crypto::SystemRng rng;
  wireguard::Identity a_key = wireguard::Identity::generate(rng);
  wireguard::Identity b_key = wireguard::Identity::generate(rng);
  crypto::WireGuardKey a_public = a_key.public_key;
  crypto::WireGuardKey b_public = b_key.public_key;
  wireguard::DeviceOptions options{.handshakes_per_second = 1U << 30U};
  wireguard::Device a{std::move(a_key), rng, options};
  wireguard::Device b{std::move(b_key), rng, options};
  Endpoint a_at{IpAddress::v4(192, 0, 2, 1), 1};
  Endpoint b_at{IpAddress::v4(192, 0, 2, 2), 2};
  IpAddress a_inner = *parse_address("fd00::a");
  IpAddress b_inner = *parse_address("fd00::b");
  wireguard::Output out_a, out_b;
  Now now = kStart;

  void add_peers() {
    (void)a.add_peer(now, config(b_public, b_inner, b_at));
    (void)b.add_peer(now, config(a_public, a_inner, a_at));
  }
  static wireguard::PeerConfig config(const crypto::WireGuardKey& key, const IpAddress& inner,
                                      const Endpoint& at) {
    wireguard::PeerConfig peer;
    peer.public_key = key;
    peer.allowed_ips = {Prefix{inner, 128}};
    peer.endpoint = at;
    return peer;
  }
  Bytes packet(std::size_t size) const {
    return ip::udp_packet({a_inner, 1}, {b_inner, 2}, Bytes(size - 48));
  }
  // Passes the packets that `from` wants to send to `to`, whose answers go to `answers`.
  static void pass(wireguard::Output& from, const Endpoint& source, wireguard::Device& to, Now at,
                   wireguard::Output& answers) {
    const Way way = UdpWay{source};
    std::vector<Datagram> incoming;
    for (const auto& each : from.datagrams) incoming.push_back({way, each.datagram.bytes});
    to.receive(at, incoming, answers);
  }
  void handshake() {
    const auto first = packet(100);
    const ByteView view = first;
    a.send(now, std::span(&view, 1), out_a);
    pass(out_a, a_at, b, now, out_b);
    out_a.clear();
    pass(out_b, b_at, a, now, out_a);
    out_b.clear();
    pass(out_a, a_at, b, now, out_b);
    out_a.clear();
    out_b.clear();
  }
};

void bench_aead(std::size_t size) {
  crypto::SystemRng rng;
  const auto key = crypto::Secret32::random(rng);
  std::vector<Bytes> buffers(kBatch, Bytes(size + crypto::kAeadTagSize));
  std::vector<crypto::AeadJob> jobs(kBatch);
  for (std::size_t i = 0; i < kBatch; ++i) jobs[i] = {&key, i, buffers[i], false};
  constexpr std::size_t kTimes = 200;
  const double time = median_seconds([&] {
    for (std::size_t i = 0; i < kTimes; ++i) crypto::seal_batch(jobs);
  });
  std::printf("aead seal %5zu B   %7.0f ns a packet\n", size, time * 1e9 / (kTimes * kBatch));
}

void bench_tunnel(std::size_t size) {
  Pair pair;
  pair.add_peers();
  pair.handshake();
  const auto packet = pair.packet(size);
  const std::vector<ByteView> batch(kBatch, packet);
  constexpr std::size_t kTimes = 200;
  std::size_t delivered = 0;
  const double time = median_seconds([&] {
    for (std::size_t i = 0; i < kTimes; ++i) {
      pair.a.send(pair.now, batch, pair.out_a);
      Pair::pass(pair.out_a, pair.a_at, pair.b, pair.now, pair.out_b);
      delivered += pair.out_b.packets.size();
      pair.out_a.clear();
      pair.out_b.clear();
    }
  });
  if (delivered != kRounds * kTimes * kBatch) std::printf("tunnel: packets were lost\n");
  const double packets = static_cast<double>(kTimes * kBatch) / time;
  std::printf("tunnel    %5zu B   %7.0f ns a packet, sealed and opened; %.2f Gbit/s on one core\n",
              size, 1e9 / packets, packets * static_cast<double>(size) * 8 / 1e9);
}

// The responder's work alone: the initiations of kPeers peers are made in advance and answered.
void bench_handshakes() {
  constexpr std::size_t kPeers = 256;
  crypto::SystemRng rng;
  auto identity = wireguard::Identity::generate(rng);
  const auto public_key = identity.public_key;
  wireguard::Device device{std::move(identity), rng, {.handshakes_per_second = 1U << 30U}};
  std::vector<std::unique_ptr<wireguard::Device>> peers;
  Now now = Pair::kStart;
  for (std::size_t i = 0; i < kPeers; ++i) {
    peers.push_back(std::make_unique<wireguard::Device>(wireguard::Identity::generate(rng), rng));
    const Endpoint at{IpAddress::v4(192, 0, 2, 1), static_cast<std::uint16_t>(i + 1)};
    (void)peers[i]->add_peer(now, Pair::config(public_key, *parse_address("fd00::b"), at));
    (void)device.add_peer(now, Pair::config(peers[i]->public_key(), *parse_address("fd00::a"), at));
  }
  const Bytes packet =
      ip::udp_packet({*parse_address("fd00::a"), 1}, {*parse_address("fd00::b"), 2}, Bytes(16));
  const ByteView view = packet;
  wireguard::Output initiations;
  wireguard::Output responses;
  std::vector<double> times;
  for (int round = 0; round < kRounds; ++round) {
    now.steady += 10s;
    now.wall = now.wall + 10s;
    initiations.clear();
    for (const auto& peer : peers) peer->send(now, std::span(&view, 1), initiations);
    std::vector<Datagram> incoming;
    for (const auto& each : initiations.datagrams) {
      incoming.push_back({UdpWay{{IpAddress::v4(192, 0, 2, 1), 1}, {}}, each.datagram.bytes});
    }
    responses.clear();
    times.push_back(seconds([&] { device.receive(now, incoming, responses); }));
    if (responses.datagrams.size() != kPeers) std::printf("handshakes: not all were answered\n");
  }
  std::sort(times.begin(), times.end());
  std::printf("handshakes answered %7.0f a second and core\n", kPeers / times[kRounds / 2]);
}

}  // namespace

int main() {
  bench::stack();  // first, as it measures the memory of the process
  for (const std::size_t size : {64U, 576U, 1420U}) bench_aead(size);
  for (const std::size_t size : {64U, 576U, 1420U}) bench_tunnel(size);
  bench_handshakes();
  bench::peers();
  bench::lanes();
  return 0;
}
