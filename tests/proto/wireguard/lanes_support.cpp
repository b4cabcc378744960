#include "tests/proto/wireguard/lanes_support.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>

namespace culvert::wireguard::test {

LanedHost::LanedHost(std::uint8_t number, std::size_t lanes, std::uint64_t seed)
    : Host(number, {.lanes = lanes > 0}, seed) {
  for (std::size_t i = 0; i < lanes; ++i) {
    lanes_.push_back(std::make_unique<Lane>(DeviceOptions{.lanes = true}));
  }
}

std::vector<RoomyPacket> roomless(std::span<Bytes> packets) {
  std::vector<RoomyPacket> out;
  for (auto& each : packets) out.push_back({each, 0, each.size()});
  return out;
}

// Takes the output of one call.
void LanedHost::take(std::vector<InFlight>& into) {
  for (const auto& each : out_.datagrams) {
    const Endpoint* to = endpoint_of(each.datagram.way);
    into.push_back({endpoint, to == nullptr ? Endpoint{} : *to, to_bytes(each.datagram.bytes)});
  }
  for (const auto& each : out_.packets) inbox.push_back(to_bytes(each.packet));
  out_.clear();
}

// To call before the device's output is sent.
void LanedHost::carry_changes(Now now, std::vector<InFlight>& into) {
  const auto changes = device.take_changes();
  if (changes.empty()) return;
  std::vector<InFlight> from_device = std::exchange(into, {});
  for (auto& lane : lanes_) {
    lane->apply(now.steady, changes, out_);
    take(into);
  }
  into.insert(into.begin(), from_device.begin(), from_device.end());
  carry_reports(now, into);
}

void LanedHost::carry_reports(Now now, std::vector<InFlight>& into) {
  LaneReports reports;
  for (auto& lane : lanes_) lane->take_reports(reports);
  if (reports.peers.empty()) return;
  device.apply(now, reports, out_);
  take(into);
  carry_changes(now, into);
}

std::vector<InFlight> LanedHost::settle(Now now) {
  std::vector<InFlight> sent;
  carry_changes(now, sent);
  return sent;
}

std::vector<InFlight> LanedHost::send(Now now, std::size_t queue,
                                      const std::vector<Bytes>& packets) {
  auto sent = settle(now);
  auto copies = packets;
  if (queue == 0) {
    device.send_in_place(now, roomless(copies), out_);
  } else {
    lane(queue).send(now.steady, roomless(copies), out_);
  }
  take(sent);
  carry_changes(now, sent);
  carry_reports(now, sent);
  return sent;
}

std::vector<InFlight> LanedHost::receive(Now now, std::vector<InFlight> datagrams) {
  auto sent = settle(now);
  std::vector<Datagram> incoming;
  for (auto& each : datagrams) incoming.push_back({UdpWay{each.from}, each.bytes});
  if (steer > 0) {
    std::vector<Datagram> rest;
    lane(steer).receive(now.steady, incoming, out_, rest);
    take(sent);
    carry_reports(now, sent);
    incoming = rest;
  }
  if (!incoming.empty()) device.receive(now, incoming, out_);
  take(sent);
  carry_changes(now, sent);
  return sent;
}

std::vector<InFlight> LanedHost::timeout(Now now) {
  auto sent = settle(now);
  device.handle_timeout(now, out_);
  take(sent);
  carry_changes(now, sent);
  return sent;
}

void carry(Now now, const std::vector<LanedHost*>& hosts, std::vector<InFlight> underway) {
  for (int round = 0; !underway.empty(); ++round) {
    REQUIRE(round < 100);
    std::vector<InFlight> answers;
    for (auto& each : underway) {
      const auto to = std::find_if(hosts.begin(), hosts.end(), [&each](const LanedHost* host) {
        return host->endpoint == each.to;
      });
      if (to == hosts.end()) continue;
      for (auto& answer : (*to)->receive(now, {std::move(each)})) {
        answers.push_back(std::move(answer));
      }
    }
    underway = std::move(answers);
  }
}

}  // namespace culvert::wireguard::test
