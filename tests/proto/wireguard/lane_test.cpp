// Lanes and their device in one thread: the test passes the messages.
#include "proto/wireguard/lane.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/proto/wireguard/lanes_support.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

namespace {

// `a` has two lanes, `b` has none; a session exists.
struct Two {
  LanedHost a{1, 2};
  LanedHost b{2, 0};

  explicit Two(bool connected = true) {
    REQUIRE(a.device.add_peer(at(0s), b.as_peer()));
    REQUIRE(b.device.add_peer(at(0s), a.as_peer()));
    if (connected) {
      carry(at(0s), {&a, &b}, a.send(at(0s), 0, {a.packet_to(b, view("first"))}));
      b.inbox.clear();
    }
  }
};

std::size_t handshakes(const std::vector<InFlight>& datagrams) {
  return static_cast<std::size_t>(std::count_if(
      datagrams.begin(), datagrams.end(),
      [](const auto& each) { return message_type(each.bytes) != MessageType::kTransport; }));
}

}  // namespace

TEST_CASE("lane: seals and opens with the device's session") {
  Two two;
  for (std::size_t lane = 0; lane < two.a.width(); ++lane) {
    carry(at(1s), {&two.a, &two.b}, two.a.send(at(1s), lane, {two.a.packet_to(two.b, view("x"))}));
    two.a.steer = lane;
    carry(at(1s), {&two.a, &two.b}, two.b.send(at(1s), 0, {two.b.packet_to(two.a, view("y"))}));
  }
  CHECK(two.b.inbox.size() == 3);
  CHECK(two.a.inbox.size() == 3);
  CHECK(two.a.device.counters().sessions == 1);
  CHECK(two.b.device.counters().transport_replayed == 0);
  const auto info = two.a.device.peer(two.b.device.public_key());
  CHECK(info->received_bytes == two.b.device.peer(two.a.device.public_key())->sent_bytes);
  CHECK(info->sent_bytes == two.b.device.peer(two.a.device.public_key())->received_bytes);
}

TEST_CASE("lane: the first packet of all may come to a lane; it waits, in order") {
  Two two(false);
  const auto first = two.a.send(at(0s), 1, {two.a.packet_to(two.b, view("1"))});
  REQUIRE(handshakes(first) == 1);
  CHECK(first.size() == 1);
  CHECK(two.a.send(at(0s), 1, {two.a.packet_to(two.b, view("2"))}).empty());
  carry(at(0s), {&two.a, &two.b}, first);
  carry(at(0s), {&two.a, &two.b}, two.a.send(at(0s), 1, {two.a.packet_to(two.b, view("3"))}));
  REQUIRE(two.b.inbox.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(two.b.inbox[i].back() == '1' + i);
}

TEST_CASE("lane: a responder's keys are proven through a lane") {
  Two two(false);
  two.a.steer = 2;
  carry(at(0s), {&two.a, &two.b}, two.b.send(at(0s), 0, {two.b.packet_to(two.a, view("x"))}));
  CHECK(two.a.inbox.size() == 1);
  CHECK(two.a.device.peer(two.b.device.public_key())->last_handshake.has_value());
  carry(at(0s), {&two.a, &two.b}, two.a.send(at(0s), 1, {two.a.packet_to(two.b, view("y"))}));
  CHECK(two.b.inbox.size() == 1);
  CHECK(two.a.device.counters().sessions == 1);
}

TEST_CASE("lane: when a peer is given up, so is what waits for it") {
  Two two(false);
  two.a.send(at(0s), 1, {two.a.packet_to(two.b, view("x"))});
  for (auto due = two.a.device.next_deadline(); due < at(100s).steady;
       due = two.a.device.next_deadline()) {
    two.a.timeout(at(due - at(0s).steady));
  }
  CHECK(two.a.device.counters().handshakes_given_up == 1);
  CHECK(two.a.lane(1).counters().packet_staged_out == 1);
  carry(at(101s), {&two.a, &two.b}, two.b.send(at(101s), 0, {two.b.packet_to(two.a, view("y"))}));
  CHECK(two.b.inbox.empty());
}

TEST_CASE("lane: keys end by the lane's own time, and by the device's word") {
  Two two;
  two.a.steer = 1;
  const auto late = two.b.send(at(1s), 0, {two.b.packet_to(two.a, view("late"))});
  two.a.receive(at(180s), late);
  CHECK(two.a.inbox.empty());
  CHECK(two.a.lane(1).counters().transport_expired == 1);
  const auto sent = two.a.send(at(180s), 1, {two.a.packet_to(two.b, view("x"))});
  CHECK(handshakes(sent) == 1);
  CHECK(sent.size() == 1);
  Two again;
  again.a.steer = 1;
  const auto stored = again.b.send(at(1s), 0, {again.b.packet_to(again.a, view("x"))});
  REQUIRE(again.a.device.remove_peer(again.b.device.public_key()));
  again.a.settle(at(1s));
  again.a.receive(at(1s), stored);
  CHECK(again.a.lane(1).counters().index_unknown == 1);
  CHECK(again.a.send(at(1s), 1, {again.a.packet_to(again.b, view("x"))}).empty());
  CHECK(again.a.lane(1).counters().packet_unroutable == 1);
}

TEST_CASE("lane: what a lane receives moves the endpoint for all") {
  Two two;
  two.a.steer = 1;
  const Endpoint elsewhere{IpAddress::v4(198, 51, 100, 7), 7};
  auto datagrams = two.b.send(at(1s), 0, {two.b.packet_to(two.a, view("x"))});
  for (auto& each : datagrams) each.from = elsewhere;
  two.a.receive(at(1s), datagrams);
  CHECK(two.a.device.peer(two.b.device.public_key())->endpoint == elsewhere);
  for (std::size_t lane = 0; lane < two.a.width(); ++lane) {
    const auto sent = two.a.send(at(1s), lane, {two.a.packet_to(two.b, view("x"))});
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].to == elsewhere);
  }
}

TEST_CASE("lane: forged, replayed and foreign packets, as in a device") {
  Two two;
  two.a.steer = 1;
  auto& counters = two.a.lane(1).counters();
  auto datagrams = two.b.send(at(1s), 0, {two.b.packet_to(two.a, view("x"))});
  auto forged = datagrams;
  forged[0].bytes.back() ^= 1;
  two.a.receive(at(1s), forged);
  CHECK(counters.transport_forged == 1);
  two.a.receive(at(1s), datagrams);
  two.a.receive(at(1s), datagrams);
  CHECK(counters.transport_replayed == 1);
  two.a.steer = 2;
  two.a.receive(at(1s), datagrams);
  CHECK(two.a.lane(2).counters().transport_replayed == 1);
  CHECK(two.a.inbox.size() == 1);
  two.a.steer = 1;
  REQUIRE(two.a.device.set_allowed_ips(two.b.device.public_key(), {}));
  two.a.settle(at(1s));
  two.a.receive(at(1s), two.b.send(at(1s), 0, {two.b.packet_to(two.a, view("x"))}));
  CHECK(counters.inner_source_denied == 1);
  two.a.receive(at(1s), {{two.b.endpoint, two.a.endpoint, Bytes(3)}});
  CHECK(counters.datagram_malformed == 1);
}

TEST_CASE("lane: a prefix that moves to another peer, in one message or several") {
  LanedHost a(1, 1);
  LanedHost b(2, 0);
  LanedHost c(3, 0);
  for (auto* host : {&b, &c}) {
    REQUIRE(a.device.add_peer(at(0s), host->as_peer()));
    REQUIRE(host->device.add_peer(at(0s), a.as_peer()));
    carry(at(0s), {&a, &b, &c}, host->send(at(0s), 0, {host->packet_to(a, view("x"))}));
  }
  const auto packet = a.packet_to(b, view("x"));
  const auto to = [&] {
    const auto sent = a.send(at(1s), 1, {packet});
    return sent.empty() ? Endpoint{} : sent[0].to;
  };
  CHECK(to() == b.endpoint);
  const std::vector<Prefix> prefix = {Prefix::host(b.address)};
  REQUIRE(a.device.set_allowed_ips(c.device.public_key(), prefix));
  CHECK(to() == c.endpoint);
  REQUIRE(a.device.set_allowed_ips(b.device.public_key(), prefix));
  REQUIRE(a.device.set_allowed_ips(c.device.public_key(), {}));
  CHECK(to() == b.endpoint);
  REQUIRE(a.device.remove_peer(c.device.public_key()));
  REQUIRE(a.device.remove_allowed_ip(b.device.public_key(), prefix[0]));
  CHECK(to() == Endpoint{});
}
