// A device with lanes in one thread. The test passes the messages between device and lanes, as the
// threads of a program do.
#pragma once

#include <memory>
#include <vector>

#include "proto/wireguard/lane.hpp"
#include "tests/proto/wireguard/wireguard_support.hpp"

namespace culvert::wireguard::test {

// Plain packets without room for sealing in place.
std::vector<RoomyPacket> roomless(std::span<Bytes> packets);

// Queue 0 belongs to the device, queue n to the n-th lane.
struct LanedHost : Host {
  LanedHost(std::uint8_t number, std::size_t lanes, std::uint64_t seed = 0);

  std::size_t width() const { return lanes_.size() + 1; }
  Lane& lane(std::size_t queue) { return *lanes_.at(queue - 1); }

  // Each function returns the datagrams to send, and keeps opened packets in `inbox`.
  std::vector<InFlight> send(Now now, std::size_t queue, const std::vector<Bytes>& packets);
  std::vector<InFlight> receive(Now now, std::vector<InFlight> datagrams);  // at queue `steer`
  std::vector<InFlight> timeout(Now now);
  std::vector<InFlight> settle(Now now);  // after changes of the device

  std::size_t steer = 0;

 private:
  void take(std::vector<InFlight>& into);
  void carry_changes(Now now, std::vector<InFlight>& into);
  void carry_reports(Now now, std::vector<InFlight>& into);

  std::vector<std::unique_ptr<Lane>> lanes_;
  Output out_;
};

// Carries datagrams between the hosts without faults until no datagram is left.
void carry(Now now, const std::vector<LanedHost*>& hosts, std::vector<InFlight> underway);

}  // namespace culvert::wireguard::test
