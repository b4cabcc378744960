// Sessions over time: rekeying, keepalives, erasure, and handshakes that both sides begin at once.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/proto/wireguard/wireguard_support.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

namespace {

std::size_t count(const std::vector<InFlight>& datagrams, MessageType type) {
  return static_cast<std::size_t>(
      std::count_if(datagrams.begin(), datagrams.end(),
                    [type](const auto& each) { return message_type(each.bytes) == type; }));
}

// Fires all timers up to `until`, on a network without faults or delay.
void idle(Host& a, Host& b, Duration until) {
  for (;;) {
    const Instant next = std::min(a.device.next_deadline(), b.device.next_deadline());
    if (next > at(until).steady) return;
    const Now now = at(next - at(0s).steady);
    exchange(now, a, b, a.timeout(now));
    exchange(now, a, b, b.timeout(now));
  }
}

}  // namespace

TEST_CASE("session: the initiator renews after 120 s of use, the responder does not") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  CHECK(count(b.send(at(121s), b.packet_to(a, {})), MessageType::kInitiation) == 0);
  CHECK(count(a.send(at(119s), a.packet_to(b, {})), MessageType::kInitiation) == 0);
  const auto renewed = a.send(at(121s), a.packet_to(b, view("x")));
  CHECK(count(renewed, MessageType::kInitiation) == 1);
  CHECK(count(renewed, MessageType::kTransport) == 1);  // the old keys are still in use
  exchange(at(121s), a, b, renewed);
  CHECK(b.inbox.size() == 1);
  CHECK(a.device.counters().sessions == 2);
  // Packets that were sealed with the previous keys can still be opened.
  const auto old = b.send(at(122s), b.packet_to(a, view("y")));
  exchange(at(122s), a, b, old);
  CHECK(a.inbox.size() == 1);
}

TEST_CASE("session: packets under way across a rekeying open, in any order") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  auto old_a = a.send(at(119s), a.packet_to(b, view("old")));
  auto old_b = b.send(at(119s), b.packet_to(a, view("old")));
  exchange(at(121s), a, b, a.send(at(121s), a.packet_to(b, view("new"))));
  exchange(at(122s), a, b, a.send(at(122s), a.packet_to(b, view("newer"))));
  b.receive(at(123s), old_a);
  a.receive(at(123s), old_b);
  CHECK(b.inbox.size() == 3);
  CHECK(a.inbox.size() == 1);
}

TEST_CASE("session: keys end at 180 s, packets wait for new ones") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  const auto late = a.send(at(179s), a.packet_to(b, view("late")));
  CHECK(count(late, MessageType::kTransport) == 1);
  b.receive(at(180s), {late.front()});
  CHECK(b.device.counters().transport_expired + b.device.counters().responses_sent >= 1);
  CHECK(b.inbox.empty());
  Host c(3);
  Host d(4);
  connect(at(0s), c, d);
  const auto after = c.send(at(180s), c.packet_to(d, view("x")));
  REQUIRE(after.size() == 1);
  CHECK(message_type(after[0].bytes) == MessageType::kInitiation);
  exchange(at(180s), c, d, after);
  CHECK(d.inbox.size() == 1);
}

TEST_CASE("session: a receiver that only listens renews in the last 15 s") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  const auto before = a.device.counters().initiations_sent;
  a.receive(at(164s), b.send(at(164s), b.packet_to(a, view("x"))));
  CHECK(a.device.counters().initiations_sent == before);
  const auto asked = a.receive(at(166s), b.send(at(166s), b.packet_to(a, view("x"))));
  CHECK(count(asked, MessageType::kInitiation) == 1);
  // Only once per session, although data keeps coming.
  const auto again = a.receive(at(172s), b.send(at(172s), b.packet_to(a, view("x"))));
  CHECK(count(again, MessageType::kInitiation) == 0);
}

TEST_CASE("session: keepalives answer data, and silence calls for a handshake") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  idle(a, b, 30s);
  const auto keepalives = a.device.counters().keepalives_received;
  exchange(at(60s), a, b, a.send(at(60s), a.packet_to(b, view("x"))));
  idle(a, b, 90s);
  CHECK(a.device.counters().keepalives_received == keepalives + 1);
  CHECK(a.device.counters().sessions == 1);

  a.send(at(100s), a.packet_to(b, view("lost")));
  CHECK(a.device.next_deadline() >= at(115s).steady);
  CHECK(a.device.next_deadline() < at(115s).steady + kRekeyTimeoutJitter);
  CHECK(count(a.timeout(at(116s)), MessageType::kInitiation) == 1);
}

TEST_CASE("session: persistent keepalives open a session and keep it renewed") {
  Host a(1);
  Host b(2);
  auto config = b.as_peer();
  config.persistent_keepalive = 25s;
  REQUIRE(a.device.add_peer(at(0s), std::move(config)));
  REQUIRE(b.device.add_peer(at(0s), a.as_peer()));
  CHECK(a.device.next_deadline() == at(0s).steady);
  idle(a, b, 600s);
  CHECK(b.device.counters().keepalives_received >= 24);
  CHECK(a.device.counters().sessions >= 4);
  CHECK(a.device.counters().sessions <= 6);
  REQUIRE(a.device.set_persistent_keepalive(at(600s), b.device.public_key(), {}));
}

TEST_CASE("session: all keys are erased 540 s after the last was made") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  const auto stored = a.send(at(100s), a.packet_to(b, view("x")));
  idle(a, b, 541s);
  CHECK(a.device.next_deadline() == Instant::never());
  CHECK(b.device.next_deadline() == Instant::never());
  b.receive(at(542s), stored);
  CHECK(b.device.counters().index_unknown == 1);
}

TEST_CASE("session: both begin at once; both packets arrive and one side renews") {
  for (const bool in_order : {true, false}) {
    INFO("responses before initiations: " << !in_order);
    Host a(1);
    Host b(2);
    introduce(at(0s), a, b);
    const auto from_a = a.send(at(0s), a.packet_to(b, view("a")));
    const auto from_b = b.send(at(0s), b.packet_to(a, view("b")));
    auto answer_b = b.receive(at(0s), from_a);
    auto answer_a = a.receive(at(0s), from_b);
    if (in_order) {
      exchange(at(0s), a, b, answer_a);
      exchange(at(0s), a, b, answer_b);
    } else {
      answer_b.insert(answer_b.end(), answer_a.begin(), answer_a.end());
      exchange(at(0s), a, b, answer_b);
    }
    CHECK(a.inbox.size() == 1);
    CHECK(b.inbox.size() == 1);
    for (int second = 1; second <= 119; second += 10) {
      exchange(at(second * 1s), a, b, a.send(at(second * 1s), a.packet_to(b, view("a"))));
      exchange(at(second * 1s), a, b, b.send(at(second * 1s), b.packet_to(a, view("b"))));
    }
    CHECK(a.inbox.size() == 13);
    CHECK(b.inbox.size() == 13);
    const auto a_renews = a.send(at(125s), a.packet_to(b, view("a")));
    const auto b_renews = b.send(at(125s), b.packet_to(a, view("b")));
    CHECK(count(a_renews, MessageType::kInitiation) + count(b_renews, MessageType::kInitiation) ==
          1);
  }
}

TEST_CASE("session: a lost confirmation does not stop the responder") {
  Host a(1);
  Host b(2);
  introduce(at(0s), a, b);
  const auto response = b.receive(at(0s), a.send(at(0s), a.packet_to(b, view("x"))));
  a.receive(at(0s), response);  // a's data is lost
  // b may not send yet, and begins a handshake of its own after five seconds.
  CHECK(b.send(at(1s), b.packet_to(a, view("y"))).empty());
  idle(a, b, 12s);
  CHECK(a.inbox.size() == 1);
}
