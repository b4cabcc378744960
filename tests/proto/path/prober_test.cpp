// The prober on a seeded network: upgrade, fallback, roaming, silence, and an attacker.
#include <catch2/catch.hpp>

#include "proto/path/disco.hpp"
#include "tests/proto/path/network_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::path;

namespace {

const auto kA = "192.0.2.1:1000";
const auto kB = "198.51.100.2:2000";

struct Pair : Network {
  explicit Pair(std::uint64_t seed, ProberOptions options = {}) : Network(seed, options) {
    attach(a(), {at(kA)});
    attach(b(), {at(kB)});
  }
  bool both_direct() { return direct(a(), b()) && direct(b(), a()); }
  void talk(Duration time, Duration every = 50ms) {
    const auto end = now + time;
    while (now < end) {
      send_data(a(), b());
      send_data(b(), a());
      run_for(every);
    }
  }
};

crypto::BoxKey box(const crypto::KeyPair<crypto::DiscoKey>& ours, const Node& theirs) {
  return *crypto::BoxKey::between(ours.secret, theirs.disco_key.view());
}

}  // namespace

TEST_CASE("prober: goes direct within a second under loss, losing nothing on the way") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    Pair net(seed);
    net.duplicate_percent = 5;
    net.send_data(net.a(), net.b());
    net.loss_percent = static_cast<unsigned>(seed % 11);
    const bool upgraded = net.run_until([&] { return net.direct(net.a(), net.b()); }, 4s);
    CHECK(upgraded);
    if (net.loss_percent == 0) CHECK(net.now - Instant{1'000'000'000} < 200ms);
    net.loss_percent = 0;
    net.talk(1s);
    CHECK(net.both_direct());
    net.run_for(1s);
    CHECK(net.received.size() == net.sent);
    CHECK(net.a().prober->route(net.now, net.b().wireguard) == Route{at(kB), false});
  }
}

TEST_CASE("prober: data of the whole upgrade arrives") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Pair net(seed);
    net.talk(5s, 10ms);
    net.run_for(1s);
    CHECK(net.both_direct());
    CHECK(net.received.size() == net.sent);
  }
}

TEST_CASE("prober: one side's need is enough") {
  Pair net(3);
  net.send_data(net.a(), net.b());
  CHECK(net.run_until([&] { return net.direct(net.a(), net.b()); }, 1s));
}

TEST_CASE("prober: falls back within the trust time when the path dies, and comes again") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    Pair net(seed);
    net.talk(4s);
    REQUIRE(net.both_direct());
    net.run_for(static_cast<std::int64_t>(seed) * 100ms);
    net.blocked = {at(kA), at(kB)};
    const auto died = net.now;
    net.talk(kTrustPath);
    CHECK_FALSE(net.direct(net.a(), net.b()));
    CHECK_FALSE(net.direct(net.b(), net.a()));
    const auto before = net.sent;
    const auto arrived = net.received.size();
    net.talk(10s);
    net.run_for(1s);
    CHECK(net.received.size() - arrived >= net.sent - before);  // the relay carries all data
    CHECK(net.now - died > kTrustPath);
    net.blocked.clear();
    net.talk(6s);
    CHECK(net.both_direct());
  }
}

TEST_CASE("prober: an idle pair sends nothing") {
  Pair net(5);
  net.stun_servers = {at("203.0.113.5:3478")};
  net.a().prober->set_stun_servers(net.now, net.stun_servers);
  net.b().prober->set_stun_servers(net.now, net.stun_servers);
  net.run_for(60s);
  CHECK(net.heard.empty());
  CHECK(net.relayed_heard.empty());

  net.talk(3s);
  net.run_for(kSessionIdle + kHeartbeat + 1s);
  const auto datagrams = net.heard.size();
  const auto relayed = net.relayed_heard.size();
  net.run_for(3600s);
  CHECK(net.heard.size() == datagrams);
  CHECK(net.relayed_heard.size() == relayed);
  CHECK(net.a().prober->next_deadline() == Instant::never());
  CHECK(net.a().prober->route(net.now, net.b().wireguard).relay_too);  // known, but not trusted
}

TEST_CASE("prober: the path is pinged while it is used, at the heartbeat's pace") {
  Pair net(6);
  net.talk(2s);
  const auto before = net.a().datagrams + net.b().datagrams - net.sent;
  const auto sent = net.sent;
  net.talk(30s);
  const auto pings = net.a().datagrams + net.b().datagrams - before - sent;
  CHECK(pings <= 2 * 2 * 2 * 11);  // both sides' pings, large and small, and pongs
  CHECK(net.both_direct());
}

TEST_CASE("prober: learns its address by STUN, tells it, and asks again while active") {
  Pair net(8);
  net.attach(net.a(), {at("10.0.0.9:1000")});
  net.a().sockets = {at("203.0.113.77:4321"), at("10.0.0.9:1000")};
  net.a().sockets.erase(at("10.0.0.9:1000"));  // NAT's outer address
  net.stun_servers = {at("203.0.113.5:3478"), at("203.0.113.6:3478")};
  net.a().prober->set_stun_servers(net.now, net.stun_servers);
  net.send_data(net.a(), net.b());
  CHECK(net.run_until([&] { return net.direct(net.a(), net.b()); }, 1s));
  CHECK(net.a().prober->endpoints() ==
        std::vector<Endpoint>{at("10.0.0.9:1000"), at("203.0.113.77:4321")});
  CHECK(net.a().prober->mapping_varies() == false);

  const auto questions = [&] {
    return std::count_if(net.heard.begin(), net.heard.end(),
                         [&](const auto& d) { return d.first == net.stun_servers[0]; });
  };
  CHECK(questions() == 1);
  net.talk(27s);
  CHECK(questions() == 2);
}

TEST_CASE("prober: a path that dies is a reason to ask STUN again: the NAT may be another") {
  Pair net(8);
  net.attach(net.a(), {at("10.0.0.9:1000")});
  net.a().sockets = {at("203.0.113.77:4321")};
  net.stun_servers = {at("203.0.113.5:3478")};
  net.a().prober->set_stun_servers(net.now, net.stun_servers);
  net.talk(6s);
  REQUIRE(net.both_direct());
  net.a().sockets = {at("203.0.113.77:5555")};
  net.blocked = {at(kB)};
  net.talk(kTrustPath + 500ms);
  CHECK(net.a().prober->endpoints() ==
        std::vector<Endpoint>{at("10.0.0.9:1000"), at("203.0.113.77:5555")});
}

TEST_CASE("prober: a STUN server that is dead delays nothing") {
  Pair net(9);
  net.a().prober->set_stun_servers(net.now, {at("203.0.113.99:3478")});
  net.send_data(net.a(), net.b());
  CHECK(net.run_until([&] { return net.direct(net.a(), net.b()); }, 300ms));
}

TEST_CASE("prober: a change of the link is noticed and told through the relay") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Pair net(seed);
    net.talk(4s);
    REQUIRE(net.both_direct());
    net.attach(net.a(), {at("192.0.2.200:1000")});
    CHECK_FALSE(net.direct(net.a(), net.b()));
    CHECK_FALSE(net.a().prober->route(net.now, net.b().wireguard).direct);
    net.talk(2s);
    CHECK(net.direct(net.a(), net.b()));
    net.talk(5s);
    CHECK(net.b().prober->route(net.now, net.a().wireguard).direct == at("192.0.2.200:1000"));
  }
}

TEST_CASE("prober: an endpoint that the system refuses is dropped at once") {
  Pair net(11);
  net.talk(4s);
  REQUIRE(net.direct(net.a(), net.b()));
  net.a().prober->handle_send_error(net.now, at(kB));
  CHECK(net.a().prober->route(net.now, net.b().wireguard) == Route{});
}

TEST_CASE("prober: the quicker of two paths wins, small differences change nothing") {
  Pair net(12);
  net.attach(net.b(), {at(kB), at("198.51.100.3:2000")});
  net.talk(10s);
  REQUIRE(net.both_direct());
  const auto first = net.a().changes.size();
  net.talk(300s, 500ms);
  CHECK(net.a().changes.size() <= first + 1);
}

TEST_CASE("prober: ping answers through the relay and directly, or says that nothing came") {
  Pair net(13);
  net.talk(3s);
  const auto id = net.a().prober->ping(net.now, net.b().wireguard);
  net.run_for(1s);
  REQUIRE(net.a().answers.size() == 2);
  std::set<PathKind> kinds;
  for (const auto& answer : net.a().answers) {
    CHECK(answer.id == id);
    CHECK(answer.round_trip >= 40ms);
    kinds.insert(answer.kind);
  }
  CHECK(kinds == std::set<PathKind>{PathKind::kRelay, PathKind::kDirect});

  net.blocked = {at(kA), at(kB)};
  net.relay_up = false;
  net.run_for(10s);
  net.a().answers.clear();
  net.a().prober->ping(net.now, net.b().wireguard);
  net.run_for(kPingTimeout + 1s);
  REQUIRE(net.a().answers.size() == 1);
  CHECK(net.a().answers[0].kind == PathKind::kUnknown);
}

TEST_CASE("prober: forged and foreign messages move nothing and get no answer") {
  Pair net(14);
  net.talk(4s);
  REQUIRE(net.both_direct());
  SeededRng rng(99);
  const auto eve = crypto::KeyPair<crypto::DiscoKey>::generate(rng);
  const auto evil = at("203.0.113.66:6666");
  auto& a = net.a();
  const auto sent = a.datagrams + a.relayed;

  // With eve's own key the sender is unknown; under the peer's name the box does not open.
  Pong pong{{}, at(kA)};
  const auto own = seal_disco(box(eve, a), eve.public_key, rng, pong);
  net.inject(a, evil, own);
  CHECK(a.prober->counters().unknown_sender == 1);
  net.inject(a, evil, seal_disco(box(eve, a), net.b().disco_key, rng, pong));
  CHECK(a.prober->counters().forged == 1);
  net.inject(a, evil, Bytes(200, 0x54));
  CHECK(a.prober->counters().malformed == 1);
  CHECK(a.datagrams + a.relayed == sent);
  CHECK(a.prober->route(net.now, net.b().wireguard) == Route{at(kB), false});
}

TEST_CASE("prober: replayed disco, from anywhere, makes no path") {
  Pair net(15);
  net.talk(4s);
  const auto heard = net.heard;
  const auto relayed = net.relayed_heard;
  net.run_for(kSessionIdle + 10s);
  const auto evil = at("203.0.113.66:6666");
  auto& a = net.a();
  auto& b = net.b();
  for (const auto& [to, bytes] : heard) {
    if (!Prober::is_ours(bytes)) continue;
    net.inject(to == at(kA) ? a : b, evil, bytes);
  }
  for (const auto& bytes : relayed) {
    net.inject_relayed(a, {b.relay, net.relay}, bytes);
    net.inject_relayed(b, {a.relay, net.relay}, bytes);
  }
  net.run_for(10s);
  CHECK(a.prober->counters().replayed > 0);
  for (const auto& node : {&a, &b}) {
    for (const auto& change : node->changes) CHECK(change.status.endpoint != evil);
  }
}

TEST_CASE("prober: a genuine pong that was not asked for, or from elsewhere, is refused") {
  Pair net(16);
  SeededRng rng(5);
  net.send_data(net.a(), net.b());
  net.blocked = {at(kA)};  // the true pongs are lost
  net.run_for(100ms);
  REQUIRE(net.a().datagrams > 0);
  const auto unexpected = net.a().prober->counters().unexpected;
  const auto heard = net.heard;
  for (const auto& [to, bytes] : heard) {  // b's answers, from another address
    if (to == at(kA)) net.inject(net.a(), at("203.0.113.66:6666"), bytes);
  }
  CHECK_FALSE(net.direct(net.a(), net.b()));
  CHECK(net.a().prober->counters().unexpected >= unexpected);
}

TEST_CASE("prober: two NATs with a mapping for each destination bring forth no storm of pings") {
  Pair net(19);
  net.mapping_varies = true;
  net.talk(20s);
  CHECK_FALSE(net.both_direct());
  CHECK(net.a().datagrams + net.b().datagrams < 10'000);
}

TEST_CASE("prober: CallMeMaybe counts only through the relay, from the peer's own relay key") {
  Pair net(17);
  net.send_data(net.a(), net.b());
  REQUIRE(net.relayed_heard.size() == 1);
  const auto call = net.relayed_heard[0];
  auto& b = net.b();
  const auto before = b.datagrams;
  net.inject(b, at(kA), call);  // over UDP
  net.inject_relayed(b, {crypto::RelayKey{}, net.relay}, call);
  CHECK(b.prober->counters().unexpected == 2);
  CHECK(b.datagrams == before);
}

TEST_CASE("prober: candidates that no peer may name are not pinged") {
  for (const bool loopback : {false, true}) {
    Pair net(18, {.allow_loopback = loopback});
    net.attach(net.a(), {at("127.0.0.1:1000"), at("[::1]:1000"), at("[fe80::1]:5"),
                         at("[fd63:756c:7665::1]:5"), at("224.0.0.1:9"), at("0.0.0.0:9")});
    CHECK(net.a().prober->endpoints().size() == (loopback ? 2 : 0));
  }
}

TEST_CASE("prober: relay only") {
  Pair net(19, {.direct = false});
  net.talk(10s);
  CHECK(net.heard.empty());
  CHECK(net.relayed_heard.empty());
  CHECK(net.received.size() + 2 >= net.sent);
  CHECK(net.a().prober->status(net.now, net.b().wireguard).kind == PathKind::kRelay);
}

TEST_CASE("prober: peers are admitted by their keys") {
  Pair net(20);
  auto& a = net.a();
  SeededRng rng(2);
  PeerInfo thief = net.b().info(net.relay);
  rng.fill(thief.node.bytes);
  thief.disco = {};  // a low-order point
  CHECK(a.prober->add_peer(net.now, thief).error().code == ErrorCode::kInvalid);
  a.prober->remove_peer(net.b().wireguard);
  CHECK(a.prober->route(net.now, net.b().wireguard) == Route{});
  net.send_data(net.b(), a);
  net.run_for(1s);
  CHECK_FALSE(net.direct(net.b(), a));
  CHECK(a.datagrams == 0);
}

// A statement names keys, but does not prove that its node has them.
TEST_CASE("prober attack: peers that claim another's disco key take nothing from it") {
  const bool first = GENERATE(true, false);
  const auto thieves = GENERATE(1, 20);
  CAPTURE(first, thieves);
  Pair net(30);
  auto& a = net.a();
  auto& b = net.b();
  SeededRng rng(2);
  const auto add_thieves = [&] {
    for (int i = 0; i < thieves; ++i) {
      PeerInfo thief = b.info(net.relay);
      rng.fill(thief.node.bytes);
      rng.fill(thief.relay_key.bytes);
      REQUIRE(a.prober->add_peer(net.now, thief));
      (void)a.prober->route(net.now, thief.node);  // now the peer is in use
    }
  };
  if (first) {
    a.prober->remove_peer(b.wireguard);
    add_thieves();
    REQUIRE(a.prober->add_peer(net.now, b.info(net.relay)));
  }
  if (!first) add_thieves();
  net.send_data(a, b);
  CHECK(net.run_until([&] { return net.both_direct(); }, 2s));
  for (int i = 0; i < 60; ++i) {  // the paths stay direct
    net.talk(1s);
    CHECK(net.both_direct());
  }
}

TEST_CASE("prober: more questions than are kept still get an answer each") {
  Pair net(31);
  auto& a = net.a();
  PeerInfo silent = net.b().info(net.relay);
  REQUIRE(a.prober->add_peer(net.now, silent));
  std::set<PingId> asked;
  for (int i = 0; i < 100; ++i) asked.insert(a.prober->ping(net.now, silent.node));
  net.run_for(kPingTimeout + 1s);
  for (const auto& answer : a.answers) asked.erase(answer.id);
  CHECK(asked.empty());
}

TEST_CASE("prober attack: a flood of Pings through the relay does not fill the relay's queue") {
  Pair net(32);
  auto& a = net.a();
  auto& b = net.b();
  const auto before = a.relayed;
  for (int i = 0; i < 500; ++i) b.prober->ping(net.now, a.wireguard);
  net.run_for(500ms);
  CHECK(a.relayed - before >= 32);
  CHECK(a.relayed - before < 64);
}
