// Two or more devices in one process, wired by hand or through a faulty network.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proto/core/rng.hpp"
#include "proto/wireguard/device.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::wireguard::test {

// Simulated time: `since` the start of a test.
Now at(Duration since);

struct InFlight {
  Endpoint from;
  Endpoint to;
  Bytes bytes;
  std::uint8_t ecn = 0;
};

// A device, its address and its received packets. `number` sets keys, endpoint and fd00::number.
struct Host {
  explicit Host(std::uint8_t number, DeviceOptions options = {}, std::uint64_t seed = 0);

  PeerConfig as_peer() const;  // with endpoint and /128
  // Each function returns the datagrams that the device sends, and keeps opened packets in `inbox`.
  std::vector<InFlight> send(Now now, std::span<const Bytes> packets);
  std::vector<InFlight> send(Now now, const Bytes& packet) { return send(now, {&packet, 1}); }
  std::vector<InFlight> receive(Now now, const Endpoint& from, Bytes datagram);
  std::vector<InFlight> receive(Now now, std::vector<InFlight> datagrams);
  std::vector<InFlight> timeout(Now now);
  // A UDP packet from this host to `other`.
  Bytes packet_to(const Host& other, ByteView payload) const;

  SeededRng rng;
  Endpoint endpoint;
  IpAddress address;
  Device device;
  std::vector<Bytes> inbox;

 private:
  std::vector<InFlight> collect();
  Output out_;
};

// Makes each host a peer of the other.
void introduce(Now now, Host& a, Host& b);
// Carries datagrams between the two hosts without faults until no datagram is left.
void exchange(Now now, Host& a, Host& b, std::vector<InFlight> underway);
// Calls introduce(), then sends one packet with its handshake.
void connect(Now now, Host& a, Host& b);

}  // namespace culvert::wireguard::test
