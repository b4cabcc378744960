#include <catch2/catch.hpp>

#include "proto/ip/build.hpp"
#include "proto/ip/ecn.hpp"
#include "tests/proto/wireguard/wireguard_support.hpp"
#include "tests/support/seeded_rng.hpp"
#include "tests/support/udp_packet.hpp"

using namespace culvert;
using namespace culvert::wireguard;
using namespace culvert::wireguard::test;

TEST_CASE("device: the first packet starts a handshake and arrives by it") {
  Host a(1);
  Host b(2);
  introduce(at(0s), a, b);
  const auto packet = a.packet_to(b, view("hello"));
  const auto initiation = a.send(at(0s), packet);
  REQUIRE(initiation.size() == 1);
  CHECK(initiation[0].bytes.size() == kInitiationSize);
  CHECK(initiation[0].to == b.endpoint);
  const auto response = b.receive(at(0s), initiation);
  REQUIRE(response.size() == 1);
  CHECK(response[0].bytes.size() == kResponseSize);
  CHECK(response[0].to == a.endpoint);
  const auto data = a.receive(at(0s), response);
  REQUIRE(data.size() == 1);
  CHECK(data[0].bytes.size() == (packet.size() + 15) / 16 * 16 + kTransportOverhead);
  CHECK(b.receive(at(0s), data).empty());
  REQUIRE(b.inbox.size() == 1);
  CHECK(b.inbox[0] == packet);  // the padding is removed

  // The other direction needs no handshake.
  const auto back = b.packet_to(a, view("and you"));
  exchange(at(1s), a, b, b.send(at(1s), back));
  CHECK(a.inbox == std::vector<Bytes>{back});
  const auto info = a.device.peer(b.device.public_key());
  REQUIRE(info);
  CHECK(info->last_handshake->wall == at(0s).wall);
  CHECK(info->sent_bytes == kInitiationSize + data[0].bytes.size());
  CHECK(info->received_bytes == kResponseSize + (back.size() + 15) / 16 * 16 + 32);
  CHECK(a.device.counters().sessions == 1);
  CHECK(b.device.counters().sessions == 1);
}

TEST_CASE("device: batches, several peers in one, what has no route is counted") {
  Host hub(1);
  Host one(2);
  Host two(3);
  connect(at(0s), hub, one);
  connect(at(0s), hub, two);
  std::vector<Bytes> packets;
  for (std::uint8_t i = 0; i < 50; ++i) {
    packets.push_back(hub.packet_to(i % 3 == 0 ? one : two, Bytes(i * 20U, i)));
  }
  packets.push_back(hub.packet_to(Host(9), view("nobody")));
  packets.push_back(Bytes{0x45, 0, 0});
  packets.push_back({});
  auto datagrams = hub.send(at(1s), packets);
  CHECK(datagrams.size() == 50);
  CHECK(hub.device.counters().packet_unroutable == 1);
  CHECK(hub.device.counters().packet_malformed == 2);
  std::vector<InFlight> for_one;
  std::vector<InFlight> for_two;
  for (auto& each : datagrams) (each.to == one.endpoint ? for_one : for_two).push_back(each);
  CHECK(one.receive(at(1s), for_one).empty());
  CHECK(two.receive(at(1s), for_two).empty());
  CHECK(one.inbox.size() == 17);
  CHECK(two.inbox.size() == 33);
  for (std::size_t i = 0, from_one = 0, from_two = 0; i < 50; ++i) {
    CHECK((i % 3 == 0 ? one.inbox[from_one++] : two.inbox[from_two++]) == packets[i]);
  }
  // All datagrams again: each one is a replay.
  one.inbox.clear();
  one.receive(at(1s), for_one);
  CHECK(one.inbox.empty());
  CHECK(one.device.counters().transport_replayed == 17);
}

TEST_CASE("device: padding stops at the MTU") {
  Host a(1, {.mtu = 1420});
  Host b(2);
  connect(at(0s), a, b);
  for (const auto& [inner, datagram] :
       std::vector<std::pair<std::size_t, std::size_t>>{{60, 64 + 32},
                                                        {64, 64 + 32},
                                                        {1409, 1420 + 32},
                                                        {1420, 1420 + 32},
                                                        {1500, 1504 - 4 + 32}}) {
    INFO(inner);
    const auto packet = a.packet_to(b, Bytes(inner - 48));
    REQUIRE(packet.size() == inner);
    const auto sent = a.send(at(1s), packet);
    CHECK(sent.at(0).bytes.size() == datagram);
    b.receive(at(1s), sent);
    CHECK(b.inbox.back() == packet);
  }
}

TEST_CASE("device: bad datagrams are counted, each by its cause, and change nothing") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  const auto good = a.send(at(1s), a.packet_to(b, view("x")));
  const auto& counters = b.device.counters();
  const auto feed = [&](Bytes datagram) {
    CHECK(b.receive(at(1s), a.endpoint, std::move(datagram)).empty());
  };
  feed({});
  feed(Bytes(31, 4));
  feed(Bytes(148, 0));
  auto reserved = good[0].bytes;
  reserved[1] = 1;
  feed(reserved);
  CHECK(counters.datagram_malformed == 4);

  auto unknown = good[0].bytes;
  unknown[4] ^= 1U;
  feed(unknown);
  CHECK(counters.index_unknown == 1);

  for (std::size_t i = kTransportHeaderSize - 8; i < good[0].bytes.size(); i += 7) {
    auto forged = good[0].bytes;
    forged[i] ^= 1U;
    if (i < kTransportHeaderSize) continue;  // changes of the counter are tested below
    feed(forged);
  }
  CHECK(counters.transport_forged > 5);
  auto counter = good[0].bytes;
  store_le<std::uint64_t>(counter.data() + 8, kRejectAfterMessages);
  feed(counter);
  CHECK(counters.transport_expired == 1);

  Bytes initiation(kInitiationSize, 0);
  initiation[0] = 1;
  feed(initiation);
  Bytes response(kResponseSize, 0);
  response[0] = 2;
  feed(response);
  CHECK(counters.mac1_wrong == 2);
  // mac1 needs only the public key, so anybody can get past mac1.
  CookieJar stranger(b.device.public_key());
  stranger.add_macs(at(1s).steady, initiation);
  feed(initiation);
  CHECK(counters.initiation_forged == 1);
  stranger.add_macs(at(1s).steady, response);
  feed(response);
  CHECK(counters.index_unknown == 2);
  Bytes cookie(kCookieReplySize, 0);
  cookie[0] = 3;
  feed(cookie);
  CHECK(counters.index_unknown == 3);
  std::memcpy(cookie.data() + 4, good[0].bytes.data() + 4, 4);
  feed(cookie);
  CHECK(counters.cookie_forged == 1);

  CHECK(b.inbox.empty());
  b.receive(at(1s), good);
  CHECK(b.inbox.size() == 1);  // the genuine datagram still counts
}

TEST_CASE("device: a peer that we do not know gets no answer") {
  Host a(1);
  Host b(2);
  REQUIRE(a.device.add_peer(at(0s), b.as_peer()));
  CHECK(b.receive(at(0s), a.send(at(0s), a.packet_to(b, view("x")))).empty());
  CHECK(b.device.counters().initiation_unknown_peer == 1);
}

TEST_CASE("device: a peer may only speak from its addresses") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  const auto spoofed = ip::udp_packet({*parse_address("fd00::77"), 1}, {b.address, 2}, view("x"));
  b.receive(at(1s), a.send(at(1s), spoofed));
  CHECK(b.device.counters().inner_source_denied == 1);
  Bytes nonsense = a.packet_to(b, view("x"));
  REQUIRE(b.device.set_allowed_ips(a.device.public_key(), {}));
  b.receive(at(1s), a.send(at(1s), nonsense));
  CHECK(b.device.counters().inner_source_denied == 2);
  CHECK(b.inbox.empty());
}

TEST_CASE("device: what waits for a session is bounded, the oldest goes") {
  Host a(1);
  Host b(2);
  introduce(at(0s), a, b);
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < kMaxStaged + 10; ++i) {
    packets.push_back(a.packet_to(b, Bytes{static_cast<std::uint8_t>(i)}));
  }
  const auto initiation = a.send(at(0s), packets);
  REQUIRE(initiation.size() == 1);
  CHECK(a.device.counters().packet_staged_out == 10);
  CHECK(a.device.peer(b.device.public_key())->staged_packets == kMaxStaged);
  exchange(at(0s), a, b, initiation);
  REQUIRE(b.inbox.size() == kMaxStaged);
  CHECK(b.inbox.front() == packets[10]);
  CHECK(b.inbox.back() == packets.back());
}

TEST_CASE("device: nobody there: 90 s of attempts, then silence and a clean state") {
  Host a(1);
  Host b(2);
  introduce(at(0s), a, b);
  std::size_t initiations = a.send(at(0s), a.packet_to(b, view("x"))).size();
  while (a.device.next_deadline() < at(200s).steady) {
    const Now now = at(a.device.next_deadline() - at(0s).steady);
    for (const auto& each : a.timeout(now)) {
      CHECK(each.bytes.size() == kInitiationSize);
      ++initiations;
    }
  }
  CHECK(initiations == 18);
  CHECK(a.device.counters().handshakes_given_up == 1);
  CHECK(a.device.peer(b.device.public_key())->staged_packets == 0);
  CHECK(a.device.counters().packet_staged_out == 1);
  // New data to send starts the attempts again.
  CHECK(a.send(at(200s), a.packet_to(b, view("y"))).size() == 1);
}

TEST_CASE("device: roaming follows genuine packets only, and can be off") {
  Host a(1);
  Host b(2);
  Host fixed(3, {.roaming = false});
  connect(at(0s), a, b);
  connect(at(0s), a, fixed);
  const Endpoint elsewhere{IpAddress::v4(198, 51, 100, 7), 4000};
  auto datagram = a.send(at(1s), a.packet_to(b, view("x")))[0].bytes;
  auto forged = datagram;
  forged.back() ^= 1U;
  b.receive(at(1s), elsewhere, forged);
  CHECK(b.send(at(1s), b.packet_to(a, view("y")))[0].to == a.endpoint);
  b.receive(at(1s), elsewhere, datagram);
  CHECK(b.send(at(1s), b.packet_to(a, view("y")))[0].to == elsewhere);
  b.receive(at(1s), a.endpoint, datagram);  // a replay
  CHECK(b.send(at(1s), b.packet_to(a, view("y")))[0].to == elsewhere);

  fixed.receive(at(1s), elsewhere, a.send(at(1s), a.packet_to(fixed, view("x")))[0].bytes);
  CHECK(fixed.inbox.size() == 1);
  CHECK(fixed.send(at(1s), fixed.packet_to(a, view("y")))[0].to == a.endpoint);
  REQUIRE(fixed.device.set_endpoint(a.device.public_key(), elsewhere));
  CHECK(fixed.send(at(1s), fixed.packet_to(a, view("y")))[0].to == elsewhere);
}

TEST_CASE("device: a wrong preshared key never makes a session, the right one does") {
  Host a(1);
  Host b(2);
  introduce(at(0s), a, b);
  SeededRng rng(5);
  const auto secret = crypto::Secret32::random(rng);
  REQUIRE(a.device.set_preshared_key(b.device.public_key(), secret.clone()));
  exchange(at(0s), a, b, a.send(at(0s), a.packet_to(b, view("x"))));
  CHECK(a.device.counters().response_forged == 1);
  CHECK(b.inbox.empty());
  REQUIRE(b.device.set_preshared_key(a.device.public_key(), secret.clone()));
  exchange(at(6s), a, b, a.timeout(at(6s)));
  CHECK(b.inbox.size() == 1);
  CHECK(a.device.peer(b.device.public_key())->has_preshared_key);
}

TEST_CASE("device: a peer whose clock was ahead comes back, where the owner allows for skew") {
  for (const bool allowed : {false, true}) {
    Host b(2, {.label_skew = std::chrono::seconds(allowed ? 30 : 0)});
    Host ahead(1);
    introduce(at(0s), ahead, b);
    const Now wrong{at(0s).steady, at(0s).wall + 500s};
    const auto from_future = ahead.send(wrong, ahead.packet_to(b, view("x")));
    CHECK(b.receive(at(0s), from_future).size() == 1);

    Host a(1, {}, 7);  // restarted, its clock set right
    REQUIRE(a.device.add_peer(at(10s), b.as_peer()));
    const auto old = a.send(at(10s), a.packet_to(b, view("y")));
    CHECK(b.receive(at(60s), old).empty());  // too old
    Host again(1, {}, 8);
    REQUIRE(again.device.add_peer(at(70s), b.as_peer()));
    const auto fresh = again.send(at(70s), again.packet_to(b, view("z")));
    CHECK(b.receive(at(70s), fresh).size() == (allowed ? 1U : 0U));
    CHECK(b.receive(at(71s), fresh).empty());
    CHECK(b.receive(at(71s), old).empty());
  }
}

TEST_CASE("device: an old initiation is useless, also after the peer was removed and came back") {
  Host a(1);
  Host b(2);
  introduce(at(0s), a, b);
  const auto old = a.send(at(0s), a.packet_to(b, view("x")));
  CHECK(b.receive(at(0s), old).size() == 1);
  CHECK(b.receive(at(1s), old).empty());
  CHECK(b.device.counters().initiation_replayed == 1);
  const auto label = b.device.last_timestamp(a.device.public_key());
  REQUIRE(label);

  REQUIRE(b.device.remove_peer(a.device.public_key()));
  CHECK_FALSE(b.device.remove_peer(a.device.public_key()));
  CHECK(b.device.last_timestamp(a.device.public_key()) == label);
  CHECK(b.receive(at(2s), old).empty());
  CHECK(b.device.counters().initiation_unknown_peer == 1);
  REQUIRE(b.device.add_peer(at(3s), a.as_peer()));
  CHECK(b.receive(at(3s), old).empty());
  CHECK(b.device.counters().initiation_replayed == 2);

  // A floor from the caller's own store has the same effect.
  Host restarted(2);
  auto config = a.as_peer();
  config.last_timestamp = label;
  REQUIRE(restarted.device.add_peer(at(4s), std::move(config)));
  CHECK(restarted.receive(at(4s), old).empty());
  CHECK(restarted.device.counters().initiation_replayed == 1);
  exchange(at(6s), a, b, a.timeout(at(6s)));
  CHECK(b.inbox.size() == 1);
}

TEST_CASE("device: initiations of one peer are at least 20 ms apart") {
  Host b(2);
  std::vector<std::unique_ptr<Host>> clones;  // clones with one key: no limit on initiations
  for (int i = 0; i < 3; ++i) {
    clones.push_back(std::make_unique<Host>(std::uint8_t{1}));
    REQUIRE(clones.back()->device.add_peer(at(0s), b.as_peer()));
  }
  REQUIRE(b.device.add_peer(at(0s), clones[0]->as_peer()));
  const auto try_at = [&](std::size_t clone, Duration when) {
    return b.receive(at(when), clones[clone]->send(at(when), clones[clone]->packet_to(b, {})))
        .size();
  };
  CHECK(try_at(0, 1s) == 1);
  CHECK(try_at(1, 1s + 19ms) == 0);
  CHECK(b.device.counters().initiation_too_soon == 1);
  CHECK(try_at(2, 1s + 40ms) == 1);
}

TEST_CASE("device: what a configuration may not be") {
  Host a(1);
  Host b(2);
  REQUIRE(a.device.add_peer(at(0s), b.as_peer()));
  CHECK(a.device.add_peer(at(0s), b.as_peer()).error().code == ErrorCode::kConflict);
  auto own = b.as_peer();
  own.public_key = a.device.public_key();
  CHECK(a.device.add_peer(at(0s), std::move(own)).error().code == ErrorCode::kInvalid);
  CHECK(a.device.add_peer(at(0s), {}).error().code == ErrorCode::kInvalid);  // the zero key
  CHECK_FALSE(a.device.set_endpoint(a.device.public_key(), {}));
  CHECK_FALSE(a.device.peer(a.device.public_key()));
  CHECK(a.device.peers().size() == 1);
  CHECK(a.device.peers()[0].allowed_ips == std::vector<Prefix>{Prefix::host(b.address)});
}

TEST_CASE("device: removing a peer ends its session at once") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  const auto underway = a.send(at(1s), a.packet_to(b, view("x")));
  REQUIRE(b.device.remove_peer(a.device.public_key()));
  CHECK(b.receive(at(1s), underway).empty());
  CHECK(b.inbox.empty());
  CHECK(b.device.counters().index_unknown == 1);
  CHECK(b.send(at(1s), b.packet_to(a, view("x"))).empty());
  CHECK(b.device.next_deadline() == Instant::never());
}

TEST_CASE("device: ECN goes out with the datagram and comes back into the packet (RFC 6040)") {
  Host a(1);
  Host b(2);
  connect(at(0s), a, b);
  std::vector<Bytes> packets;
  for (std::uint8_t ecn = 0; ecn < 4; ++ecn) {
    packets.push_back(a.packet_to(b, view("x")));
    ip::set_ecn(packets.back(), ecn);
    packets.back()[0] = 0x6F;  // traffic class with more than ECN: only ECN is sent outside
  }
  const auto sent = a.send(at(1s), packets);
  REQUIRE(sent.size() == 4);
  for (std::uint8_t ecn = 0; ecn < 4; ++ecn) CHECK(sent[ecn].ecn == ecn);

  SECTION("a path that marks nothing changes nothing") {
    b.receive(at(1s), sent);
    CHECK(b.inbox == packets);
  }
  SECTION("congestion is told to whom can hear it; what cannot is dropped and counted") {
    auto marked = sent;
    for (auto& each : marked) each.ecn = ip::kCe;
    b.receive(at(1s), marked);
    REQUIRE(b.inbox.size() == 3);
    for (const auto& packet : b.inbox) CHECK(ip::ecn_of(packet) == ip::kCe);
    CHECK(b.device.counters().inner_ecn_dropped == 1);
    CHECK(b.device.counters().packets_opened == 5);
  }
}

TEST_CASE("device: handshakes and keepalives are not ECN-capable; packets that waited are") {
  Host a(1);
  Host b(2);
  introduce(at(0s), a, b);
  auto packet = a.packet_to(b, view("x"));
  ip::set_ecn(packet, ip::kEct0);
  const auto initiation = a.send(at(0s), packet);
  REQUIRE(initiation.size() == 1);
  CHECK(initiation[0].ecn == ip::kNotEct);
  const auto response = b.receive(at(0s), initiation);
  REQUIRE(response.size() == 1);
  CHECK(response[0].ecn == ip::kNotEct);
  const auto data = a.receive(at(0s), response);
  REQUIRE(data.size() == 1);
  CHECK(data[0].ecn == ip::kEct0);
  b.receive(at(0s), data);
  const auto keepalive = b.timeout(at(10s));
  REQUIRE(keepalive.size() == 1);
  CHECK(keepalive[0].bytes.size() == kTransportOverhead);
  CHECK(keepalive[0].ecn == ip::kNotEct);
}
