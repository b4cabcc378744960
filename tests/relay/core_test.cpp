#include "relay/core/core.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/relay/core_support.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::relay;
using derp::PeerGone;
using derp::PeerGoneReason;

namespace {

const std::string kDisco = "TS\xF0\x9F\x92\xAC";

// Three keys: a and b have tickets for each other; c has a ticket without peers.
struct Pair : RelayBench {
  derp::RelayKeyPair ka = make_key(), kb = make_key(), kc = make_key();
  TestClient& a = connect(ka, ticket(ka.public_key, {kb.public_key}));
  TestClient& b = connect(kb, ticket(kb.public_key, {ka.public_key}));
  TestClient& c = connect(kc, ticket(kc.public_key, {}));
};

// An old client of another project, which states that it answers no pings.
ConnectionId log_in_without_pings(RelayBench& bench) {
  const auto id = bench.raw_open();
  bench.raw_take(id);
  derp::ClientInfo info;
  info.can_ack_pings = false;
  Bytes login;
  derp::write_frame(
      login, derp::FrameType::kClientInfo,
      {derp::seal_client_info(info, bench.make_key(), bench.core.public_key(), bench.rng)});
  bench.core.handle_bytes(bench.now, id, login);
  bench.raw_take(id);
  REQUIRE(bench.core.client_count() == 1);
  return id;
}

}  // namespace

TEST_CASE("relay core: a ticketed login") {
  Pair p;
  CHECK(p.a.client->ready());
  CHECK(p.core.client_count() == 3);
  CHECK(p.core.counters().logins == 3);
}

TEST_CASE("relay core: logins that are refused, and why") {
  RelayBench bench;
  const auto key = bench.make_key();
  const auto other = bench.make_key();
  std::vector<crypto::RelayKey> crowd(derp::kMaxTicketPeers + 1, other.public_key);
  const std::pair<std::string, ErrorCode> table[] = {
      {"", ErrorCode::kDenied},
      {"never issued", ErrorCode::kUnverified},
      {bench.ticket(other.public_key, {}), ErrorCode::kDenied},
      {bench.ticket(key.public_key, {}, 0s), ErrorCode::kStale},
      {bench.ticket(key.public_key, crowd), ErrorCode::kExhausted},
  };
  std::uint64_t refused = 0;
  for (const auto& [ticket, code] : table) {
    INFO(ticket);
    auto& client = bench.connect(key, ticket);
    CHECK_FALSE(client.client->ready());
    CHECK_FALSE(client.open);
    CHECK(client.close_reason.code == code);
    CHECK(client.events<derp::HealthEvent>().size() == 1);
    CHECK(bench.core.counters().logins_refused == ++refused);
  }
  CHECK(bench.core.connection_count() == 0);
}

TEST_CASE("relay core: without a verifier nobody is admitted") {
  SeededRng rng(1);
  const Now now{{0}, {1'800'000'000}};
  Core core({.key = derp::RelayKeyPair::generate(rng)}, nullptr, rng);
  core.handle_open(now, 1);
  Bytes greeting;
  core.pull(now, 1, 1'000, greeting);
  derp::ClientOutput out;
  derp::Client client({core.public_key(), derp::RelayKeyPair::generate(rng), [] { return "t"; }},
                      rng, now);
  client.handle_bytes(now, greeting, out);
  core.handle_bytes(now, 1, out.wire);
  Effects effects;
  core.drain(effects);
  REQUIRE(effects.closes.size() == 1);
  CHECK(effects.closes[0].reason.code == ErrorCode::kDenied);
}

TEST_CASE("relay core: a recorded login is of no use on another connection, or late") {
  RelayBench bench;
  const auto key = bench.make_key();
  const auto ticket = bench.ticket(key.public_key, {});
  const auto first = bench.raw_open();
  derp::Client client({bench.core.public_key(), key.clone(), [&] { return ticket; }}, bench.rng,
                      bench.now);
  derp::ClientOutput out;
  client.handle_bytes(bench.now, bench.raw_take(first), out);
  const auto login = out.wire;

  const auto second = bench.raw_open();
  bench.core.handle_bytes(bench.now, second, login);
  CHECK(bench.core.counters().logins_refused == 1);
  CHECK(bench.core.client_count() == 0);

  bench.core.handle_bytes(bench.now, first, login);
  CHECK(bench.core.client_count() == 1);

  const auto third = bench.raw_open();
  derp::Client slow({bench.core.public_key(), key.clone(), [&] { return ticket; }}, bench.rng,
                    bench.now);
  out.clear();
  slow.handle_bytes(bench.now, bench.raw_take(third), out);
  bench.now.steady += derp::kLoginTimeout;
  bench.core.handle_bytes(bench.now, third, out.wire);
  CHECK(bench.core.counters().logins_refused == 2);
}

TEST_CASE("relay core: a connection that does not log in is closed after ten seconds") {
  RelayBench bench;
  bench.raw_open();
  CHECK(bench.core.next_deadline() == bench.now.steady + derp::kLoginTimeout);
  bench.pass(derp::kLoginTimeout - 1ns);
  CHECK(bench.core.connection_count() == 1);
  bench.pass(1ns);
  CHECK(bench.core.connection_count() == 0);
}

TEST_CASE("relay core: who hears whom") {
  RelayBench bench;
  // The peers in the tickets of a and b, and the fate of a packet from a to b.
  struct Row {
    const char* name;
    bool a_names_b, b_names_a, b_here, delivered, told_not_here;
  };
  const Row table[] = {
      {"a pair", true, true, true, true, false},
      {"a pair, b away", true, true, false, false, true},
      {"b does not name a: as if away", true, false, true, false, true},
      {"a does not name b, b here", false, true, true, false, false},
      {"a does not name b, b away", false, true, false, false, false},
      {"strangers, b here", false, false, true, false, false},
      {"strangers, b away", false, false, false, false, false},
  };
  for (const auto& row : table) {
    INFO(row.name);
    const auto ka = bench.make_key();
    const auto kb = bench.make_key();
    const auto list = [](bool named, const crypto::RelayKey& key) {
      return named ? std::vector{key} : std::vector<crypto::RelayKey>{};
    };
    auto& a = bench.connect(ka, bench.ticket(ka.public_key, list(row.a_names_b, kb.public_key)));
    TestClient* b = nullptr;
    if (row.b_here) {
      b = &bench.connect(kb, bench.ticket(kb.public_key, list(row.b_names_a, ka.public_key)));
    }
    bench.send(a, kb.public_key, "hello");
    if (b != nullptr) {
      CHECK(b->received().size() == (row.delivered ? 1U : 0U));
      // Only a peer whose packets arrived is reported as gone.
      const auto before = a.events<PeerGone>().size();
      bench.disconnect(*b);
      CHECK(a.events<PeerGone>().size() == before + (row.delivered ? 1U : 0U));
    }
    const auto gone = a.events<PeerGone>();
    CHECK(std::any_of(gone.begin(), gone.end(), [](const PeerGone& g) {
            return g.reason == PeerGoneReason::kNotHere;
          }) == row.told_not_here);
    CHECK(a.open);
  }
}

TEST_CASE("relay core: packets carry the key of who logged in, also of 64 KiB") {
  Pair p;
  p.send(p.a, p.kb.public_key, std::string(derp::kMaxPacketSize, 'x'));
  const auto received = p.b.events<derp::Received>();
  REQUIRE(received.size() == 1);
  CHECK(received[0].source == p.ka.public_key);
  CHECK(received[0].size == derp::kMaxPacketSize);
}

TEST_CASE("relay core: 'not here' is said at most once a second a peer") {
  Pair p;
  p.disconnect(p.b);
  for (int i = 0; i < 50; ++i) p.send(p.a, p.kb.public_key, "hello?");
  CHECK(p.a.events<PeerGone>().size() == 1);
  p.pass(kPeerGoneEvery);
  p.send(p.a, p.kb.public_key, "hello?");
  CHECK(p.a.events<PeerGone>().size() == 2);
}

TEST_CASE("relay core: of one key the last to log in or to send is active") {
  Pair p;
  auto& again = p.connect(p.kb, p.ticket(p.kb.public_key, {p.ka.public_key}));
  p.send(p.a, p.kb.public_key, "1");
  CHECK(again.received() == std::vector<std::string>{"1"});
  p.send(p.b, p.ka.public_key, "I am b");
  p.send(p.a, p.kb.public_key, "2");
  CHECK(p.b.received() == std::vector<std::string>{"2"});
  p.disconnect(p.b);
  CHECK(p.a.events<PeerGone>().empty());
  p.send(p.a, p.kb.public_key, "3");
  CHECK(again.received() == std::vector<std::string>{"1", "3"});
  p.disconnect(again);
  CHECK(p.a.events<PeerGone>().size() == 1);
}

TEST_CASE("relay core: at most four connections of one key") {
  RelayBench bench;
  const auto key = bench.make_key();
  const auto ticket = bench.ticket(key.public_key, {});
  auto& first = bench.connect(key, ticket);
  for (std::size_t i = 1; i < kMaxSameKey; ++i) bench.connect(key, ticket);
  CHECK(first.open);
  bench.connect(key, ticket);
  CHECK_FALSE(first.open);
  CHECK(bench.core.connection_count() == kMaxSameKey);
}

TEST_CASE(
    "relay core: a slow reader's queue is bounded, disco goes first, the oldest are dropped") {
  Pair p;
  p.b.blocked = true;
  const std::string data(1'000, 'd');
  for (int i = 0; i < 1'000; ++i) p.send(p.a, p.kb.public_key, std::to_string(i) + data);
  for (int i = 0; i < 40; ++i) p.send(p.a, p.kb.public_key, kDisco + std::to_string(i));
  CHECK(p.core.counters().dropped_queue > 700);
  p.b.blocked = false;
  p.settle();
  const auto got = p.b.received();
  REQUIRE(got.size() > kMaxDisco);
  for (std::size_t i = 0; i < kMaxDisco; ++i) CHECK(got[i] == kDisco + std::to_string(8 + i));
  CHECK(got.back() == "999" + data);
  std::size_t bytes = 0;
  for (std::size_t i = kMaxDisco; i < got.size(); ++i) {
    bytes += got[i].size() + 37;
    if (i > kMaxDisco) CHECK(std::stoi(got[i]) == std::stoi(got[i - 1]) + 1);
  }
  CHECK(bytes <= 256 * 1024);
  CHECK(bytes > 250 * 1024);
  // The counters add up.
  const auto& c = p.core.counters();
  CHECK(c.packets_queued == 1'040);
  CHECK(c.packets_queued == got.size() + c.dropped_queue);
}

TEST_CASE(
    "relay core: a transport that takes nothing for ten seconds is closed, a slow one is not") {
  Pair p;
  p.b.blocked = true;
  p.send(p.a, p.kb.public_key, "x");
  p.pass(kWriteStall - 1ns);
  CHECK(p.b.open);
  p.pass(1ns);
  CHECK_FALSE(p.b.open);
  CHECK(p.core.counters().stalled == 1);
  CHECK(p.a.events<PeerGone>().size() == 1);

  Pair q;
  q.b.blocked = true;
  for (int i = 0; i < 30; ++i) q.send(q.a, q.kb.public_key, std::string(1'000, 'x'));
  for (int i = 0; i < 20; ++i) {  // one frame every nine seconds
    q.pass(9s);
    Bytes out;
    q.core.pull(q.now, q.b.id, 1, out);
    CHECK_FALSE(out.empty());
    q.b.client->handle_bytes(q.now, out, q.b.out);
  }
  CHECK(q.b.open);
}

TEST_CASE("relay core: keep-alives every 60 to 65 seconds; clients stay") {
  RelayBench bench(true);
  const auto id = log_in_without_pings(bench);
  bench.pass(60s - 1ns);
  CHECK(bench.raw_take(id).empty());
  bench.pass(5s + 1ns);
  CHECK(to_hex(bench.raw_take(id)) == "0600000000");

  Pair p;
  p.pass(40min);
  CHECK(p.a.open);
  CHECK(p.a.client->ready());
  CHECK(p.b.client->ready());
}

TEST_CASE("relay core: a ticket ends, a renewed one goes on") {
  RelayBench bench;
  const auto ka = bench.make_key();
  const auto kb = bench.make_key();
  const auto kc = bench.make_key();
  auto& a = bench.connect(ka, bench.ticket(ka.public_key, {kb.public_key}, 10min));
  auto& b = bench.connect(kb, bench.ticket(kb.public_key, {ka.public_key}, 10min));
  auto& c = bench.connect(kc, bench.ticket(kc.public_key, {ka.public_key}, 3h));
  bench.pass(9min);
  a.client->renew_ticket(bench.ticket(ka.public_key, {kc.public_key}, 2h), a.out);
  b.client->renew_ticket(bench.ticket(ka.public_key, {}, 2h), b.out);  // for another node's key
  bench.settle();
  CHECK(bench.core.counters().tickets_renewed == 1);
  CHECK(bench.core.counters().tickets_refused == 1);
  CHECK(b.events<derp::HealthEvent>().size() == 1);
  bench.send(a, kb.public_key, "no longer");
  bench.send(a, kc.public_key, "now");
  CHECK(b.received().empty());
  CHECK(c.received() == std::vector<std::string>{"now"});
  bench.pass(1min + 1s);
  CHECK(a.open);
  CHECK_FALSE(b.open);
  CHECK(b.close_reason.code == ErrorCode::kStale);
  CHECK(bench.core.counters().tickets_expired == 1);
  bench.pass(3h);
  CHECK_FALSE(a.open);
}

TEST_CASE("relay core: a wall clock that is set forward ends tickets at the next keep-alive") {
  Pair p;
  p.now.wall.seconds += 7'200;
  p.pass(65s);
  CHECK_FALSE(p.a.open);
}

TEST_CASE("relay core: tickets are checked again when the issuers change") {
  Pair p;
  p.tickets.erase("ticket 0");
  p.core.recheck_tickets(p.now);
  p.settle();
  CHECK_FALSE(p.a.open);
  CHECK(p.b.open);
  CHECK(p.core.client_count() == 2);
}

TEST_CASE("relay core: the ticket's rate drops data first; renewing does not refill it") {
  RelayBench bench;
  const auto ka = bench.make_key();
  const auto kb = bench.make_key();
  const auto limited = bench.ticket(ka.public_key, {kb.public_key}, 1h, 200'000);
  auto& a = bench.connect(ka, limited);
  auto& b = bench.connect(kb, bench.ticket(kb.public_key, {ka.public_key}));
  CHECK(a.events<derp::Ready>().at(0).server.bytes_per_second == 200'000);
  CHECK(a.events<derp::Ready>().at(0).server.burst_bytes == 200'000);
  const std::string kilo(1'000, 'x');
  for (int i = 0; i < 300; ++i) bench.send(a, kb.public_key, kilo);
  CHECK(b.received().size() == 175);  // an eighth of the room is kept for disco
  bench.send(a, kb.public_key, kDisco);
  CHECK(b.received().size() == 176);
  a.client->renew_ticket(limited, a.out);
  bench.settle();
  bench.send(a, kb.public_key, kilo);
  CHECK(b.received().size() == 176);
  bench.pass(1s);
  for (int i = 0; i < 300; ++i) bench.send(a, kb.public_key, kilo);
  CHECK(b.received().size() == 176 + 175);
}

TEST_CASE("relay core: a client that vanished is noticed within 25 s, a quiet one stays") {
  Pair p;
  p.pass(30min);
  CHECK(p.a.open);
  CHECK(p.b.open);
  p.b.open = false;  // no FIN: the bytes of both ends are lost
  p.pass(25s);
  CHECK(p.core.counters().silent == 1);
  CHECK(p.core.client_count() == 2);
  CHECK(p.a.open);
}

TEST_CASE("relay core: a client that says it answers no pings gets none, and may be silent") {
  RelayBench bench(true);
  log_in_without_pings(bench);
  bench.pass(1h);
  CHECK(bench.core.client_count() == 1);
}

TEST_CASE("relay core: ping is answered, a flood of pings is bounded") {
  Pair p;
  p.a.client->ping(p.now, p.a.out);
  p.settle();
  CHECK(p.a.events<derp::PongEvent>().size() == 1);
  p.a.blocked = true;
  for (int i = 0; i < 1'000; ++i) p.a.client->ping(p.now, p.a.out);
  p.settle();
  CHECK(p.core.counters().dropped_queue == 1'000 - kMaxOwnFrames);
}

TEST_CASE("relay core: before the login every other frame, and a renewal above all, is refused") {
  for (unsigned type = 0; type < 256; ++type) {
    const auto bounds = derp::payload_bounds(static_cast<std::uint8_t>(type));
    if (!bounds) continue;
    RelayBench bench;
    const auto id = bench.raw_open();
    Bytes frame;
    derp::write_frame(frame, static_cast<derp::FrameType>(type), {Bytes(bounds->least, 1)});
    bench.core.handle_bytes(bench.now, id, frame);
    INFO("type " << type);
    CHECK(bench.core.connection_count() == 0);
    CHECK(bench.core.counters().logins_refused == 1);
  }
}

TEST_CASE("relay core: frames that clients may not send end the connection") {
  using derp::FrameType;
  const std::set<FrameType> fine = {FrameType::kSendPacket, FrameType::kPing,
                                    FrameType::kPong,       FrameType::kNotePreferred,
                                    FrameType::kKeepAlive,  FrameType::kTicket};
  for (unsigned type = 0; type < 256; ++type) {
    const auto bounds = derp::payload_bounds(static_cast<std::uint8_t>(type));
    Pair p;
    Bytes frame;
    if (bounds) {
      derp::write_frame(frame, static_cast<FrameType>(type), {Bytes(bounds->least, 1)});
    } else {
      frame = {static_cast<std::uint8_t>(type), 0, 0, 0, 1, 0xFF};
    }
    append(p.a.out.wire, frame);
    p.settle();
    INFO("type " << type);
    CHECK(p.a.open == (!bounds || fine.count(static_cast<FrameType>(type)) == 1));
    CHECK(p.core.counters().frames_skipped == (bounds ? 0 : 1));
    CHECK(p.b.open);
  }
}

TEST_CASE("relay core: a frame of the wrong length ends the connection, counted") {
  Pair p;
  append(p.a.out.wire, *from_hex("0400000001ff"));
  p.settle();
  CHECK_FALSE(p.a.open);
  CHECK(p.core.counters().malformed == 1);
  CHECK(p.core.client_count() == 2);
}

TEST_CASE("relay core: the table of connections is bounded") {
  RelayBench bench(false, 3);
  for (int i = 0; i < 5; ++i) bench.raw_open();
  CHECK(bench.core.connection_count() == 3);
  CHECK(bench.core.counters().connections_refused == 2);
}

TEST_CASE("relay core: a flood of strangers pushes out strangers alone") {
  RelayBench bench;
  const auto ka = bench.make_key();
  const auto kb = bench.make_key();
  auto& a = bench.connect(ka, bench.ticket(ka.public_key, {kb.public_key}));
  for (int i = 0; i < 1'000; ++i) bench.raw_open();
  CHECK(bench.core.connection_count() == 65);  // 64 strangers and one logged-in client
  CHECK(bench.core.connection_count() - 1 <= kMaxStrangers);
  CHECK(a.open);
  // A client with a ticket still gets in.
  auto& b = bench.connect(kb, bench.ticket(kb.public_key, {ka.public_key}));
  CHECK(b.open);
  bench.send(b, ka.public_key, "hello");
  bench.settle();
  CHECK(a.received() == std::vector<std::string>{"hello"});
  CHECK(bench.core.client_count() == 2);
}

TEST_CASE("relay core: a full relay refuses at the login and keeps those that are here") {
  RelayBench bench(false, 2);
  std::vector<derp::RelayKeyPair> keys;
  for (int i = 0; i < 3; ++i) keys.push_back(bench.make_key());
  auto& a = bench.connect(keys[0], bench.ticket(keys[0].public_key, {}));
  auto& b = bench.connect(keys[1], bench.ticket(keys[1].public_key, {}));
  auto& c = bench.connect(keys[2], bench.ticket(keys[2].public_key, {}));
  CHECK((a.open && b.open));
  CHECK_FALSE(c.open);
  CHECK(c.close_reason.code == ErrorCode::kExhausted);
  bench.disconnect(a);
  CHECK(bench.connect(keys[2], bench.ticket(keys[2].public_key, {})).open);
}

TEST_CASE("relay core: a frame that is no login is refused before its payload comes") {
  RelayBench bench;
  const auto id = bench.raw_open();
  bench.core.handle_bytes(bench.now, id,
                          *from_hex("0400010020"));  // SendPacket, 65,568 bytes announced
  CHECK(bench.core.connection_count() == 0);
  CHECK(bench.core.counters().logins_refused == 1);
}

TEST_CASE("relay core: a restart is announced, spread, and admits nobody new") {
  Pair p;
  p.core.begin_restart(p.now, 5s, 30s);
  CHECK_FALSE(p.core.idle());
  p.settle();
  CHECK(p.core.idle());
  for (auto* client : {&p.a, &p.b, &p.c}) {
    const auto restarting = client->events<derp::Restarting>();
    REQUIRE(restarting.size() == 1);
    CHECK(restarting[0].reconnect_in_ms <= 5'000);
    CHECK(restarting[0].try_for_ms == 30'000);
  }
  auto& late = p.connect(p.kc, p.ticket(p.kc.public_key, {}));
  CHECK_FALSE(late.open);
  p.send(p.a, p.kb.public_key, "still");
  CHECK(p.b.received() == std::vector<std::string>{"still"});
}

TEST_CASE("relay core: open by configuration only: anyone to anyone, no ticket, stock greeting") {
  RelayBench bench(true);
  const auto ka = bench.make_key();
  const auto kb = bench.make_key();
  auto& a = bench.connect(ka, "");
  bench.send(a, kb.public_key, "hello?");
  REQUIRE(a.events<PeerGone>().size() == 1);
  CHECK(a.events<PeerGone>()[0].reason == PeerGoneReason::kNotHere);
  auto& b = bench.connect(kb, "");
  bench.send(a, kb.public_key, "hello");
  CHECK(b.received() == std::vector<std::string>{"hello"});
  bench.disconnect(b);
  CHECK(a.events<PeerGone>().back().reason == PeerGoneReason::kDisconnected);
}

// Random clients, packets, stalls and departures. Queues stay bounded, no client hears a stranger,
// and each queued packet was delivered, dropped and counted, or lost with its connection.
TEST_CASE("relay core: random traffic keeps the rules") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    RelayBench bench;
    SeededRng rng(seed);
    std::vector<derp::RelayKeyPair> keys;
    for (int i = 0; i < 6; ++i) keys.push_back(bench.make_key());
    std::vector<TestClient*> clients(6, nullptr);
    const auto pair = [](std::size_t i, std::size_t k) { return i / 2 == k / 2 && i != k; };
    for (int round = 0; round < 400; ++round) {
      const auto i = rng.below(6);
      const auto k = rng.below(6);
      auto*& client = clients[i];
      switch (rng.below(8)) {
        case 0:
          if (client == nullptr || !client->open) {
            client = &bench.connect(keys[i],
                                    bench.ticket(keys[i].public_key, {keys[i ^ 1U].public_key}));
          }
          break;
        case 1:
          if (client != nullptr && client->open && rng.below(4) == 0) bench.disconnect(*client);
          break;
        case 2:
          if (client != nullptr) client->blocked = !client->blocked;
          break;
        case 3:
          bench.pass(Duration(static_cast<std::int64_t>(rng.below(3'000'000'000))));
          break;
        default:
          if (client != nullptr && client->open && client->client->ready()) {
            bench.send(*client, keys[k].public_key, std::string(rng.below(60'000), 'x'));
          }
      }
    }
    for (std::size_t i = 0; i < 6; ++i) {
      if (clients[i] == nullptr) continue;
      for (const auto& received : clients[i]->events<derp::Received>()) {
        const auto from = std::find_if(keys.begin(), keys.end(), [&](const auto& key) {
          return key.public_key == received.source;
        });
        REQUIRE(from != keys.end());
        CHECK(pair(i, static_cast<std::size_t>(from - keys.begin())));
      }
    }
    CHECK(bench.core.counters().malformed == 0);
  }
}
