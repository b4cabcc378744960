// The client alone, with frames written by hand.
#include "proto/derp/client.hpp"

#include <catch2/catch.hpp>

#include "proto/derp/ticket.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::derp;

namespace {

struct Bench {
  SeededRng rng{7};
  RelayKeyPair relay = RelayKeyPair::generate(rng);
  RelayKeyPair key = RelayKeyPair::generate(rng);
  Now now{{1'000'000'000}, {1'800'000'000}};
  Challenge challenge{rng.array<32>()};
  std::string ticket = "a ticket";
  Client client{ClientOptions{relay.public_key, key.clone(), [this] { return ticket; }}, rng, now};
  ClientOutput out;

  void pass(Duration by) {
    now.steady += by;
    now.wall.seconds += std::chrono::duration_cast<std::chrono::seconds>(by).count();
    client.handle_timeout(now, out);
  }
  void greet(bool with_challenge = true) {
    Bytes greeting;
    write_server_key(greeting, relay.public_key, with_challenge ? &challenge : nullptr);
    client.handle_bytes(now, greeting, out);
  }
  void frame(FrameType type, ByteView payload) {
    Bytes raw;
    write_frame(raw, type, {payload});
    client.handle_bytes(now, raw, out);
  }
  void log_in() {
    greet();
    frame(FrameType::kServerInfo, seal_server_info({}, relay, key.public_key, rng));
    REQUIRE(client.ready());
    out.clear();
  }
  template <class Event>
  const Event* last() const {
    return out.events.empty() ? nullptr : std::get_if<Event>(&out.events.back());
  }
  ErrorCode closed() const {
    REQUIRE(last<Closed>());
    CHECK(client.next_deadline() == Instant::never());
    return last<Closed>()->reason.code;
  }
};

}  // namespace

TEST_CASE("derp client: the login carries ticket and challenge") {
  Bench b;
  CHECK(b.client.next_deadline() == b.now.steady + kLoginTimeout);
  CHECK_FALSE(b.client.ready());
  b.greet();
  REQUIRE(b.out.wire.size() > kHeaderSize);
  CHECK(b.out.wire[0] == 0x02);
  const auto opened = open_client_info(ByteView(b.out.wire).subspan(kHeaderSize), b.relay);
  REQUIRE(opened);
  CHECK(opened->client == b.key.public_key);
  CHECK(opened->info.ticket == "a ticket");
  CHECK(opened->info.challenge == b.challenge);
  b.out.clear();
  b.frame(FrameType::kServerInfo, seal_server_info({2, 5, 6}, b.relay, b.key.public_key, b.rng));
  REQUIRE(b.last<Ready>());
  CHECK(b.last<Ready>()->server == ServerInfo{2, 5, 6});
  CHECK(b.client.ready());
}

TEST_CASE("derp client: a relay that is not the pinned one gets nothing") {
  Bench b;
  const auto other = RelayKeyPair::generate(b.rng);
  Bytes greeting;
  write_server_key(greeting, other.public_key, &b.challenge);
  b.client.handle_bytes(b.now, greeting, b.out);
  CHECK(b.closed() == ErrorCode::kUnverified);
  CHECK(b.out.wire.empty());
}

TEST_CASE("derp client: no ticket for a relay without a challenge") {
  Bench b;
  b.greet(false);
  CHECK(b.closed() == ErrorCode::kUnverified);
  CHECK(b.out.wire.empty());
}

TEST_CASE("derp client: a stock relay is fine without a ticket") {
  Bench b;
  b.ticket.clear();
  b.greet(false);
  const auto opened = open_client_info(ByteView(b.out.wire).subspan(kHeaderSize), b.relay);
  REQUIRE(opened);
  CHECK(opened->info.ticket.empty());
  CHECK_FALSE(opened->info.challenge);
}

TEST_CASE("derp client: ServerInfo must be sealed by the pinned key") {
  Bench b;
  b.greet();
  const auto other = RelayKeyPair::generate(b.rng);
  b.frame(FrameType::kServerInfo, seal_server_info({}, other, b.key.public_key, b.rng));
  CHECK(b.closed() == ErrorCode::kUnverified);
}

TEST_CASE("derp client: the relay's reason for a refusal is passed on") {
  Bench b;
  b.greet();
  b.frame(FrameType::kHealth, view("login refused: the ticket has expired"));
  REQUIRE(b.last<HealthEvent>());
  CHECK(b.last<HealthEvent>()->text == "login refused: the ticket has expired");
  b.pass(kLoginTimeout);
  CHECK(b.closed() == ErrorCode::kTimeout);
}

TEST_CASE("derp client: other frames before the login end it") {
  Bench b;
  b.frame(FrameType::kKeepAlive, {});
  CHECK(b.closed() == ErrorCode::kInvalid);
  Bench c;
  c.greet();
  c.frame(FrameType::kPing, Bytes(8, 1));
  CHECK(c.closed() == ErrorCode::kInvalid);
}

TEST_CASE("derp client: a packet comes") {
  Bench b;
  b.log_in();
  crypto::RelayKey peer;
  peer.bytes.fill(0xBB);
  Bytes payload = to_bytes(peer.view());
  append(payload, view("hello"));
  b.frame(FrameType::kRecvPacket, payload);
  b.frame(FrameType::kRecvPacket, payload);
  REQUIRE(b.out.events.size() == 2);
  for (const auto& event : b.out.events) {
    const auto& received = std::get<Received>(event);
    CHECK(received.source == peer);
    CHECK(text(b.out.packet(received)) == "hello");
  }
}

TEST_CASE("derp client: pings when nothing is heard, and notices silence within 25 s") {
  Bench b;
  b.log_in();
  b.pass(kKeepalive - 1ns);
  CHECK(b.out.empty());
  b.frame(FrameType::kKeepAlive, {});
  b.pass(kKeepalive - 1ns);
  CHECK(b.out.empty());
  b.pass(1ns);
  CHECK(to_hex(b.out.wire) == "1200000008" + std::string(16, '0'));
  b.pass(kKeepalive);
  CHECK(b.out.wire.size() == 26);
  b.frame(FrameType::kPong, Bytes(8, 0));  // no event: the client did not ping
  b.pass(kKeepalive);
  b.pass(kKeepalive);
  b.pass(kDeadAfter - 2 * kKeepalive - 1ns);
  CHECK(b.out.events.empty());
  b.pass(1ns);
  CHECK(b.closed() == ErrorCode::kTimeout);
  b.out.clear();
  b.frame(FrameType::kKeepAlive, {});
  b.pass(kDeadAfter);
  CHECK(b.out.empty());
}

TEST_CASE("derp client: ping, pong, preferred, renewal") {
  Bench b;
  b.log_in();
  b.client.ping(b.now, b.out);
  REQUIRE(b.out.wire.size() == 13);
  CHECK(b.out.wire[0] == 0x12);
  const auto data = to_bytes(ByteView(b.out.wire).subspan(5));
  b.out.clear();
  b.pass(30ms);
  b.frame(FrameType::kPong, Bytes(8, 0));
  CHECK(b.out.events.empty());
  b.frame(FrameType::kPong, data);
  REQUIRE(b.last<PongEvent>());
  CHECK(b.last<PongEvent>()->round_trip == 30ms);
  b.out.clear();
  b.frame(FrameType::kPong, data);  // a second pong: no event
  CHECK(b.out.events.empty());

  b.frame(FrameType::kPing, Bytes(8, 5));
  CHECK(to_hex(b.out.wire) == "13000000080505050505050505");
  b.out.clear();
  b.client.note_preferred(true, b.out);
  CHECK(to_hex(b.out.wire) == "070000000101");
  b.out.clear();
  b.client.renew_ticket("new", b.out);
  CHECK(to_hex(b.out.wire) == "40000000036e6577");
}

TEST_CASE("derp client: peer gone, health and restarting become events") {
  Bench b;
  b.log_in();
  crypto::RelayKey peer;
  peer.bytes.fill(3);
  Bytes gone = to_bytes(peer.view());
  gone.push_back(1);
  b.frame(FrameType::kPeerGone, gone);
  REQUIRE(b.last<PeerGone>());
  CHECK(b.last<PeerGone>()->peer == peer);
  CHECK(b.last<PeerGone>()->reason == PeerGoneReason::kNotHere);
  b.frame(FrameType::kHealth, view("slow"));
  CHECK(b.last<HealthEvent>()->text == "slow");
  b.frame(FrameType::kRestarting, *from_hex("000003e80000ea60"));
  CHECK(b.last<Restarting>()->reconnect_in_ms == 1'000);
  CHECK(b.last<Restarting>()->try_for_ms == 60'000);
}

TEST_CASE("derp client: frames of the wrong length end the connection, unknown ones do not") {
  Bench b;
  b.log_in();
  b.client.handle_bytes(b.now, *from_hex("7700000002ffff"), b.out);
  CHECK(b.out.events.empty());
  CHECK(b.client.skipped_frames() == 1);
  b.client.handle_bytes(b.now, *from_hex("7700100001"), b.out);  // above 1 MiB
  CHECK(b.closed() == ErrorCode::kInvalid);
  Bench c;
  c.log_in();
  c.client.handle_bytes(c.now, *from_hex("0500000001ff"), c.out);
  CHECK(c.closed() == ErrorCode::kInvalid);
}
