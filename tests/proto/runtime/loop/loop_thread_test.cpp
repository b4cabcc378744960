#include "proto/runtime/loop/loop_thread.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/packet/udp.hpp"
#include "tests/proto/runtime/runtime_support.hpp"

using namespace culvert;
using namespace culvert::runtime;
using namespace culvert::test;

TEST_CASE("loop thread: tasks run on it, in order, and run() waits", "[runtime]") {
  LoopThread thread;
  std::vector<int> order;  // owned by the thread until the end of run()
  std::thread::id where;
  for (int i = 0; i < 100; ++i) thread.loop().post([&order, i] { order.push_back(i); });
  thread.run([&] { where = std::this_thread::get_id(); });
  CHECK(where != std::this_thread::get_id());
  REQUIRE(order.size() == 100);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("loop thread: has its own timers, and posts to the other loop", "[runtime]") {
  Loop loop;
  int fired = 0;
  LoopThread thread;
  std::unique_ptr<Timer> timer;
  thread.run([&] {
    timer = std::make_unique<Timer>(thread.loop(), [&] { loop.post([&fired] { ++fired; }); });
    timer->arm_in(1ms);
  });
  RUN_UNTIL(loop, fired == 1);
  thread.run([&] { timer.reset(); });
}

TEST_CASE("UDP: sockets that share a port, each with its own peers, in order", "[runtime][udp]") {
  Loop loop;
  std::map<Endpoint, std::vector<std::uint8_t>> got;
  std::array<std::set<Endpoint>, 2> peers;
  const auto open = [&](std::size_t number, const Endpoint& at, PortShare share) {
    return UdpSocket::open(loop, at,
                           [&, number](std::span<Datagram> batch) {
                             for (const auto& each : batch) {
                               const Endpoint& from = *endpoint_of(each.way);
                               got[from].push_back(each.bytes[0]);
                               peers.at(number).insert(from);
                             }
                           },
                           {.share = share});
  };
  auto first = open(0, loopback(), PortShare::kFirst);
  REQUIRE(first);
  const auto at = (*first)->local_endpoint();
  CHECK_FALSE(open(1, at, PortShare::kAlone));
  CHECK_FALSE(open(1, at, PortShare::kFirst));  // not free
  auto second = open(1, at, PortShare::kFurther);
  REQUIRE(second);
  CHECK((*second)->local_endpoint() == at);

  std::vector<std::unique_ptr<UdpSocket>> senders;
  for (int i = 0; i < 32; ++i) {
    auto sender = UdpSocket::open(loop, loopback(), [](std::span<Datagram>) {});
    REQUIRE(sender);
    senders.push_back(std::move(*sender));
  }
  for (std::uint8_t i = 0; i < 20; ++i) {
    Bytes payload(1, i);
    const Datagram datagram{UdpWay{at}, payload};
    for (auto& sender : senders) sender->send({&datagram, 1});
  }
  RUN_UNTIL(loop, got.size() == senders.size() &&
                      std::all_of(got.begin(), got.end(),
                                  [](const auto& entry) { return entry.second.size() == 20; }));
  bool in_order = true;
  for (const auto& [from, numbers] : got) {
    in_order = in_order && std::is_sorted(numbers.begin(), numbers.end());
  }
  CHECK(in_order);
  CHECK(peers[0].size() + peers[1].size() == senders.size());  // no datagram came to both
  CHECK(!peers[0].empty());
  CHECK(!peers[1].empty());
  CHECK_FALSE(open(1, at, PortShare::kAlone));
}
