// In a steady state a packet costs no allocation, and many packets share one system call.
#include <sched.h>
#include <sys/utsname.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "proto/core/rng.hpp"
#include "proto/ip/build.hpp"
#include "proto/ip/checksum.hpp"
#include "proto/ip/offload.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/packet/interface.hpp"
#include "proto/runtime/packet/tun.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "proto/wireguard/device.hpp"
#include "tests/steady/count_allocations.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::runtime;

namespace {

constexpr int kWarm = 20;
constexpr int kBatches = 200;
constexpr std::size_t kSegments = 40;
constexpr std::size_t kSegment = 1360;

TEST_CASE("the counter counts") {
  const auto before = test::allocations();
  auto one = std::make_unique<std::array<char, 100>>();
  (*one)[0] = 1;
  CHECK(test::allocations() - before == 1);
}

// One TCP super-packet as the kernel hands it over: virtio header, headers, kSegments payloads.
Bytes super_packet(const IpAddress& from, const IpAddress& to, std::uint32_t sequence) {
  const Bytes payload(kSegments * kSegment, 7);
  auto packet = ip::tcp_packet({from, 1000}, {to, 2000}, {ip::kAck, sequence, 5}, payload);
  Bytes out(ip::kVirtioHeaderSize);
  const bool v4 = from.is_v4();
  ip::VirtioHeader header;
  header.flags = ip::kNeedsChecksum;
  header.gso_type = v4 ? ip::kGsoTcp4 : ip::kGsoTcp6;
  header.gso_size = kSegment;
  header.checksum_start = v4 ? 20 : 40;
  header.checksum_offset = 16;
  header.write(out.data());
  append(out, packet);
  return out;
}

// What stands between a TUN device and the wire, on a UDP socket of the loopback interface.
struct End {
  End(Loop& on, std::uint8_t number)
      : loop(on),
        rng(number),
        inner(*parse_address("fd00::" + std::to_string(number))),
        device(wireguard::Identity::generate(rng), rng) {
    auto socket = UdpSocket::open(loop, {IpAddress::v4(127, 0, 0, 1), 0},
                                  [this](std::span<Datagram> batch) { receive(batch); });
    REQUIRE(socket);
    udp = std::move(*socket);
  }
  void know(const End& other) {
    wireguard::PeerConfig peer;
    peer.public_key = other.device.public_key();
    peer.allowed_ips = {Prefix::host(other.inner)};
    peer.endpoint = other.udp->local_endpoint();
    const auto added = device.add_peer(loop.now(), std::move(peer));
    REQUIRE(added);
  }
  void send(Bytes& raw) {
    split.clear();
    splitter.clear();
    const auto header = ip::VirtioHeader::read(raw.data());
    splitter.split(header, {raw, ip::kVirtioHeaderSize, raw.size() - ip::kVirtioHeaderSize}, split);
    device.send_in_place(loop.now(), split, out);
    flush();
  }
  void receive(std::span<Datagram> batch) {
    device.receive(loop.now(), batch, out);
    opened.clear();
    for (const auto& each : out.packets) opened.push_back(each.packet);
    for (const auto& each : joiner.join(opened, {true, true})) arrived += each.pieces;
    flush();
    if (arrived >= wanted) loop.stop();
  }
  void flush() {
    outgoing.clear();
    for (const auto& each : out.datagrams) outgoing.push_back(each.datagram);
    if (!outgoing.empty()) udp->send(outgoing);
    out.clear();
  }
  void run_until_arrived(std::size_t count) {
    wanted = count;
    while (arrived < wanted) loop.run();
  }

  Loop& loop;
  SeededRng rng;
  IpAddress inner;
  wireguard::Device device;
  std::unique_ptr<UdpSocket> udp;
  ip::Splitter splitter;
  ip::Coalescer joiner;
  wireguard::Output out;
  std::vector<RoomyPacket> split;
  std::vector<ByteView> opened;
  std::vector<Datagram> outgoing;
  std::size_t arrived = 0, wanted = 0;
};

TEST_CASE("split, seal, send, receive, open, join: no allocation, calls shared by many packets") {
  Loop loop;
  End a(loop, 1);
  End b(loop, 2);
  a.know(b);
  b.know(a);
  Bytes there = super_packet(a.inner, b.inner, 1);
  Bytes back = super_packet(b.inner, a.inner, 1);
  const auto exchange = [&](int times) {
    for (int i = 0; i < times; ++i) {
      a.send(there);
      b.run_until_arrived(b.arrived + kSegments);
      b.send(back);
      a.run_until_arrived(a.arrived + kSegments);
    }
  };
  exchange(kWarm);
  const auto sent = a.udp->counters();
  const auto received = b.udp->counters();
  const auto before = test::allocations();
  exchange(kBatches);
  CHECK(test::allocations() - before == 0);
  CHECK(b.device.counters().packets_opened >= kBatches * kSegments);
  if (!a.udp->segmentation()) return;
  const auto packets = a.udp->counters().sent - sent.sent;
  CHECK(packets >= kBatches * kSegments);
  CHECK((a.udp->counters().send_calls - sent.send_calls) * 20 < packets);
  // Each wake-up ends with a call that finds nothing.
  CHECK((b.udp->counters().receive_calls - received.receive_calls) * 10 < packets);
}

// Sends what comes from the kernel back to it, as another host of its network.
void swap_ends(ByteView packet) {
  auto* const raw = const_cast<std::uint8_t*>(packet.data());
  std::swap_ranges(raw + 8, raw + 24, raw + 24);   // IPv6 addresses
  std::swap_ranges(raw + 40, raw + 42, raw + 42);  // ports; the checksum does not mind
}

// An IPv6 address is not the system's own before its local route is there, a moment after it was
// added.
void wait_for_local_route(const IpAddress& own) {
  for (;;) {
    std::ifstream routes("/proc/thread-self/net/ipv6_route");
    for (std::string line; std::getline(routes, line);) {
      if (line.starts_with(to_hex(own.bytes)) && line.find(" 80200001 ") != line.npos) return;
    }
    std::this_thread::yield();
  }
}

struct TunResult {
  bool tried = false;
  std::uint64_t allocations = 0;
  TunCounters counters;
  std::size_t came_back = 0;
};

void through_device(TunResult& result) {
  if (::unshare(CLONE_NEWNET) != 0) return;
  Loop loop;
  std::unique_ptr<Tun> tun;
  std::vector<ByteView> back;
  const auto echo = [&](std::span<const RoomyPacket> packets) {
    back.clear();
    for (const RoomyPacket& each : packets) {
      swap_ends(each.packet());
      back.push_back(each.packet());
    }
    tun->write(back);
  };
  auto opened = Tun::open(loop, echo, {.name = "steady0"});
  if (!opened) return;
  tun = std::move(*opened);
  const auto own = *parse_address("fd77::1");
  if (!bring_link_up("steady0") || !add_address("steady0", Prefix::host(own)) ||
      !add_route({"steady0", *Prefix::of(own, 64), kMainTable, own})) {
    return;
  }
  wait_for_local_route(own);
  std::size_t came = 0;
  std::size_t wanted = 0;
  auto udp = UdpSocket::open(loop, {own, 4000}, [&](std::span<Datagram> batch) {
    came += batch.size();
    if (came >= wanted) loop.stop();
  });
  if (!udp) return;
  Bytes payload(1200, 1);
  const UdpWay to{{*parse_address("fd77::2"), 5000}, {}};
  const std::vector<Datagram> batch(kSegments, {to, payload});
  const auto exchange = [&](int times) {
    for (int i = 0; i < times; ++i) {
      wanted += batch.size();
      (*udp)->send(batch);
      while (came < wanted) loop.run();
    }
  };
  exchange(kWarm);
  const auto counters = tun->counters();
  const auto before = test::allocations();
  const auto came_before = came;
  exchange(kBatches);
  result.allocations = test::allocations() - before;
  result.came_back = came - came_before;
  result.counters = tun->counters();
  result.counters.packets_in -= counters.packets_in;
  result.counters.reads -= counters.reads;
  result.counters.writes -= counters.writes;
  result.tried = true;
}

bool kernel_segments_udp() {  // TUN_F_USO4 came with Linux 6.2
  utsname system{};
  int major = 0;
  int minor = 0;
  return ::uname(&system) == 0 && std::sscanf(system.release, "%d.%d", &major, &minor) == 2 &&
         (major > 6 || (major == 6 && minor >= 2));
}

TEST_CASE("a TUN device: no allocation, calls shared by many packets") {
  TunResult result;
  std::thread([&] { through_device(result); }).join();  // a namespace belongs to a thread
  if (!result.tried) {
    WARN("no network namespace or TUN device here: not tried");
    return;
  }
  CHECK(result.allocations == 0);
  CHECK(result.came_back == kBatches * kSegments);
  if (!kernel_segments_udp()) return;
  CHECK(result.counters.reads * 20 < result.counters.packets_in);
  CHECK(result.counters.writes * 20 < result.counters.packets_in);
}

}  // namespace
