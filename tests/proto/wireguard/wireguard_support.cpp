#include "tests/proto/wireguard/wireguard_support.hpp"

#include <catch2/catch.hpp>
#include <utility>

#include "proto/ip/build.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/udp_packet.hpp"

namespace culvert::wireguard::test {
namespace {

Identity identity(std::uint8_t number) {
  SeededRng rng(1000 + number);
  return Identity::generate(rng);
}

}  // namespace

Now at(Duration since) {
  return {Instant{1'000'000'000'000} + since,
          WallTime{1'700'000'000} + std::chrono::duration_cast<std::chrono::seconds>(since)};
}

Host::Host(std::uint8_t number, DeviceOptions options, std::uint64_t seed)
    : rng(seed * 256 + number),
      endpoint{IpAddress::v4(192, 0, 2, number), static_cast<std::uint16_t>(51'000 + number)},
      address(*parse_address("fd00::" + std::to_string(number))),
      device(identity(number), rng, options) {}

PeerConfig Host::as_peer() const {
  PeerConfig out;
  out.public_key = device.public_key();
  out.allowed_ips = {Prefix::host(address)};
  out.endpoint = endpoint;
  return out;
}

std::vector<InFlight> Host::collect() {
  std::vector<InFlight> out;
  for (const auto& each : out_.datagrams) {
    const auto& [way, bytes, ecn] = each.datagram;
    const Endpoint* to = endpoint_of(way);
    out.push_back({endpoint, to == nullptr ? Endpoint{} : *to, to_bytes(bytes), ecn});
  }
  for (const auto& each : out_.packets) inbox.push_back(to_bytes(each.packet));
  out_.clear();
  return out;
}

std::vector<InFlight> Host::send(Now now, std::span<const Bytes> packets) {
  const std::vector<ByteView> views(packets.begin(), packets.end());
  device.send(now, views, out_);
  return collect();
}

std::vector<InFlight> Host::receive(Now now, const Endpoint& from, Bytes datagram) {
  return receive(now, {{from, endpoint, std::move(datagram)}});
}

std::vector<InFlight> Host::receive(Now now, std::vector<InFlight> datagrams) {
  std::vector<Datagram> incoming;
  for (auto& each : datagrams) incoming.push_back({UdpWay{each.from}, each.bytes, each.ecn});
  device.receive(now, incoming, out_);
  return collect();
}

std::vector<InFlight> Host::timeout(Now now) {
  device.handle_timeout(now, out_);
  return collect();
}

Bytes Host::packet_to(const Host& other, ByteView payload) const {
  return ip::udp_packet({address, 1000}, {other.address, 2000}, payload);
}

void introduce(Now now, Host& a, Host& b) {
  REQUIRE(a.device.add_peer(now, b.as_peer()));
  REQUIRE(b.device.add_peer(now, a.as_peer()));
}

void exchange(Now now, Host& a, Host& b, std::vector<InFlight> underway) {
  for (int round = 0; !underway.empty(); ++round) {
    REQUIRE(round < 100);
    std::vector<InFlight> answers;
    for (auto& each : underway) {
      Host& to = each.to == a.endpoint ? a : b;
      for (auto& answer : to.receive(now, each.from, std::move(each.bytes))) {
        answers.push_back(std::move(answer));
      }
    }
    underway = std::move(answers);
  }
}

void connect(Now now, Host& a, Host& b) {
  introduce(now, a, b);
  exchange(now, a, b, a.send(now, a.packet_to(b, view("first"))));
  REQUIRE(b.inbox.size() == 1);
  b.inbox.clear();
}

}  // namespace culvert::wireguard::test
