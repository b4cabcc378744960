#include "tests/bench/bench.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "proto/ip/build.hpp"
#include "proto/wireguard/device.hpp"
#include "tests/support/udp_packet.hpp"

using namespace culvert;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kPeers = 10'000;
constexpr std::size_t kBatch = 64;
constexpr std::size_t kRounds = 400;
constexpr std::size_t kPacket = 576;
constexpr Now kNow{{1'000'000'000}, {1'800'000'000}};
const Endpoint kHubAt{IpAddress::v4(192, 0, 2, 1), 1};
const IpAddress kHubInner = *parse_address("fd00::ffff:1");

IpAddress inner(std::size_t number) {
  IpAddress out = *parse_address("fd00::");
  store_be(out.bytes.data() + 12, static_cast<std::uint32_t>(number));
  return out;
}
Endpoint at(std::size_t number) { return {IpAddress::v4(198, 51, 100, 1), std::uint16_t(number)}; }

wireguard::PeerConfig config(const crypto::WireGuardKey& key, const IpAddress& address,
                             const Endpoint& endpoint) {
  wireguard::PeerConfig out;
  out.public_key = key;
  out.allowed_ips = {Prefix::host(address)};
  out.endpoint = endpoint;
  return out;
}

std::vector<Datagram> from(const Endpoint& source, const wireguard::Output& out) {
  const Way way = UdpWay{source};
  std::vector<Datagram> incoming;
  for (const auto& each : out.datagrams) incoming.push_back({way, each.datagram.bytes});
  return incoming;
}

// A hub with kPeers peers. The first `active` peers have a device of their own and a session.
struct Star {
  explicit Star(std::size_t active) {
    for (std::size_t i = 0; i < active; ++i) {
      spokes.push_back(
          std::make_unique<wireguard::Device>(wireguard::Identity::generate(rng), rng));
      (void)spokes[i]->add_peer(kNow, config(hub.public_key(), kHubInner, kHubAt));
    }
    std::vector<crypto::WireGuardKey> keys;
    for (std::size_t i = 0; i < kPeers; ++i) {
      keys.push_back(i < active ? spokes[i]->public_key()
                                : wireguard::Identity::generate(rng).public_key);
    }
    const auto before = ::mallinfo2().uordblks;
    for (std::size_t i = 0; i < kPeers; ++i) {
      (void)hub.add_peer(kNow, config(keys[i], inner(i + 1), at(i)));
    }
    bytes_configured = (::mallinfo2().uordblks - before) / kPeers;
    for (std::size_t i = 0; i < active; ++i) connect(i);
  }

  void connect(std::size_t i) {
    pass_up(i);  // initiation
    for (int way = 0; way < 2; ++way) {
      spokes[i]->receive(kNow, std::span(answers = from(kHubAt, hub_out)), spoke_out);
      hub_out.clear();
      hub.receive(kNow, std::span(answers = from(at(i), spoke_out)), hub_out);
      spoke_out.clear();
    }
    hub_out.clear();
  }
  void pass_up(std::size_t i) {
    const auto packet = ip::udp_packet({inner(i + 1), 1}, {kHubInner, 2}, Bytes(kPacket - 48));
    const ByteView view = packet;
    spokes[i]->send(kNow, std::span(&view, 1), spoke_out);
    hub.receive(kNow, std::span(answers = from(at(i), spoke_out)), hub_out);
    spoke_out.clear();
  }

  crypto::SystemRng rng;
  wireguard::Device hub{
      wireguard::Identity::generate(rng), rng, {.handshakes_per_second = 1U << 30U}};
  std::vector<std::unique_ptr<wireguard::Device>> spokes;
  wireguard::Output hub_out, spoke_out;
  std::vector<Datagram> answers;
  std::size_t bytes_configured = 0;
};

double nanoseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
}
double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + std::ptrdiff_t(times.size() / 2), times.end());
  return times[times.size() / 2];
}

void bench_active(std::size_t active) {
  Star star(active);
  std::vector<Bytes> down;
  std::vector<Bytes> up;
  for (std::size_t i = 0; i < active; ++i) {
    down.push_back(ip::udp_packet({kHubInner, 1}, {inner(i + 1), 2}, Bytes(kPacket - 48)));
    up.push_back(ip::udp_packet({inner(i + 1), 1}, {kHubInner, 2}, Bytes(kPacket - 48)));
  }
  std::vector<double> sealed;
  std::vector<double> opened;
  std::size_t next = 0;
  std::size_t arrived = 0;
  std::vector<ByteView> batch(kBatch);
  for (std::size_t round = 0; round < kRounds; ++round) {
    star.hub_out.clear();
    star.spoke_out.clear();
    std::vector<Datagram> incoming;
    for (auto& view : batch) {
      const std::size_t peer = next++ % active;
      view = down[peer];
      const ByteView one = up[peer];
      star.spokes[peer]->send(kNow, std::span(&one, 1), star.spoke_out);
    }
    incoming = from(at(0), star.spoke_out);
    auto begin = Clock::now();
    star.hub.send(kNow, batch, star.hub_out);
    sealed.push_back(nanoseconds_since(begin) / kBatch);
    begin = Clock::now();
    star.hub.receive(kNow, incoming, star.hub_out);
    opened.push_back(nanoseconds_since(begin) / kBatch);
    arrived += star.hub_out.packets.size();
  }
  if (arrived != kRounds * kBatch) std::printf("peers: packets were lost\n");
  std::printf(
      "peers %5zu active of %zu: %5.0f ns to seal, %5.0f ns to open %zu B; %zu bytes a peer\n",
      active, kPeers, median(sealed), median(opened), kPacket, star.bytes_configured);
}

}  // namespace

void culvert::bench::peers() {
  for (const std::size_t active : {1U, 100U, 1000U}) bench_active(active);
}
