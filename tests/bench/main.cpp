// In-process benchmarks: what the cores cost without any socket. Each figure is the median of
// kRounds rounds. Comparisons with other programs need namespaces and are not here yet.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "proto/crypto/aead.hpp"
#include "proto/ip/build.hpp"
#include "proto/wireguard/device.hpp"

using namespace culvert;

namespace {

constexpr int kRounds = 5;
constexpr std::size_t kBatch = 64;

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
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
  // Everything that `from` wants to send reaches `to`, whose answers are in `answers`.
  static void pass(wireguard::Output& from, const Endpoint& source, wireguard::Device& to, Now at,
                   wireguard::Output& answers) {
    std::vector<wireguard::Incoming> incoming;
    for (const auto& datagram : from.datagrams) {
      incoming.push_back(
          {source,
           {const_cast<std::uint8_t*>(datagram.datagram.data()), datagram.datagram.size()}});
    }
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

void bench_handshakes() {
  constexpr int kTimes = 300;
  const double time = median_seconds([&] {
    for (int i = 0; i < kTimes; ++i) {
      Pair pair;
      pair.add_peers();
      pair.handshake();
    }
  });
  std::printf("handshake           %7.0f us, both sides and the making of both devices\n",
              time * 1e6 / kTimes);
}

}  // namespace

int main() {
  for (const std::size_t size : {64U, 576U, 1420U}) bench_aead(size);
  for (const std::size_t size : {64U, 576U, 1420U}) bench_tunnel(size);
  bench_handshakes();
  return 0;
}
