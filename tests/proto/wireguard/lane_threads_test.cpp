// Lanes in their own threads, as in a program: the test for tsan.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "proto/core/mailbox.hpp"
#include "tests/proto/wireguard/lanes_support.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

namespace {

// Two lanes of `a` seal in their threads, two lanes of `b` open in theirs, during session changes.
struct Pipe {
  Mailbox<LaneChanges> to_sealer, to_opener;
  Mailbox<LaneReports> from_sealer, from_opener;
  Lane sealer{DeviceOptions{.lanes = true}};
  Lane opener{DeviceOptions{.lanes = true}};
  std::vector<std::uint64_t> received;
  std::uint64_t refused = 0;

  static void read(Mailbox<LaneChanges>& box, Lane& lane, Instant now, Output& out) {
    LaneChanges changes;
    if (box.take(changes)) lane.apply(now, changes, out);
  }
  static void write(Lane& lane, Mailbox<LaneReports>& box) {
    if (!lane.has_reports()) return;
    box.put([&lane](LaneReports& reports) { lane.take_reports(reports); });
  }

  void run(std::uint64_t first, std::uint64_t count, const Bytes& form) {
    Output out;
    for (std::uint64_t id = first; id < first + count; id += 8) {
      std::vector<Bytes> packets(8, form);
      for (std::size_t i = 0; i < 8; ++i) store_be(packets[i].data() + 48, id + i);
      read(to_sealer, sealer, at(1s).steady, out);
      sealer.send(at(1s).steady, roomless(packets), out);
      write(sealer, from_sealer);
      open(out);
    }
  }

  void open(Output& out) {
    std::vector<Bytes> datagrams;
    for (const auto& each : out.datagrams) datagrams.push_back(to_bytes(each.datagram.bytes));
    out.clear();
    std::vector<Datagram> incoming;
    const UdpWay from{{IpAddress::v4(192, 0, 2, 1), 51'001}, {}};
    for (auto& each : datagrams) incoming.push_back({from, each});
    std::vector<Datagram> rest;
    read(to_opener, opener, at(1s).steady, out);
    opener.receive(at(1s).steady, incoming, out, rest);
    write(opener, from_opener);
    for (const auto& each : out.packets) {
      received.push_back(load_be<std::uint64_t>(each.packet.data() + 48));
    }
    out.clear();
  }
};

// Applies the reports. Returns the number of bytes in them.
std::uint64_t apply_reports(Now now, Device& device, Mailbox<LaneReports>& box) {
  LaneReports reports;
  if (!box.take(reports)) return 0;
  Output out;
  device.apply(now, reports, out);
  std::uint64_t bytes = 0;
  for (const auto& [id, report] : reports.peers) bytes += report.received_bytes;
  return bytes;
}

}  // namespace

TEST_CASE("lane: threads with one session carry each packet once, through new sessions") {
  constexpr std::uint64_t kPackets = 8'000;
  // Every packet that the device itself sends starts a new session.
  const DeviceOptions options{.rekey_after_time = 0s, .lanes = true};
  Host a(1, options);
  Host b(2, options);
  introduce(at(0s), a, b);
  std::array<Pipe, 2> pipes;
  const auto publish = [&] {
    const auto to_a = a.device.take_changes();
    const auto to_b = b.device.take_changes();
    // The opening lanes first: a session must be known before its first packet.
    for (auto& pipe : pipes) {
      pipe.to_opener.put([&](LaneChanges& changes) { changes.merge(to_b); });
    }
    for (auto& pipe : pipes) {
      pipe.to_sealer.put([&](LaneChanges& changes) { changes.merge(to_a); });
    }
  };
  // Makes a handshake in this thread; each side informs its lanes before its answer.
  const auto handshake = [&](Now now) {
    auto underway = a.send(now, a.packet_to(b, view("12345678")));
    for (int round = 0; round < 4 && !underway.empty(); ++round) {
      Host& to = underway.front().to == b.endpoint ? b : a;
      underway = to.receive(now, std::move(underway));
      publish();
    }
  };
  handshake(at(0s));
  const auto form = a.packet_to(b, Bytes(64));
  std::atomic<int> running{2};
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < pipes.size(); ++i) {
    threads.emplace_back([&, i] {
      pipes.at(i).run(1 + i * kPackets, kPackets, form);
      --running;
    });
  }
  std::uint64_t told = 0;
  for (int second = 6; running > 0; second += 6) {
    handshake(at(second * 1s));
    for (auto& pipe : pipes) told += apply_reports(at(second * 1s), b.device, pipe.from_opener);
  }
  for (auto& thread : threads) thread.join();
  for (auto& pipe : pipes) told += apply_reports(at(1h), b.device, pipe.from_opener);
  std::uint64_t opened = 0;
  for (std::uint64_t i = 0; i < pipes.size(); ++i) {
    auto& pipe = pipes.at(i);
    CHECK(std::is_sorted(pipe.received.begin(), pipe.received.end()));
    CHECK(std::adjacent_find(pipe.received.begin(), pipe.received.end()) == pipe.received.end());
    // All packets except those of an ended session's keys and those behind the replay window.
    const auto lost = pipe.opener.counters().index_unknown +
                      pipe.opener.counters().transport_expired +
                      pipe.opener.counters().transport_replayed;
    CHECK(pipe.received.size() + lost + pipe.sealer.counters().packet_staged_out == kPackets);
    CHECK(pipe.opener.counters().transport_forged == 0);
    opened += pipe.opener.counters().packets_opened;
  }
  CHECK(told == opened * (form.size() + kTransportOverhead));  // 112 bytes: no padding
  CHECK(b.device.counters().sessions > 1);
}
