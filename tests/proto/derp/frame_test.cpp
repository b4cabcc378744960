#include "proto/derp/frame.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>

#include "proto/core/rng.hpp"
#include "proto/derp/payload.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::derp;

namespace {

const std::string kA(64, 'a');  // hex of a key of 32 times 0xaa
const std::string kB(64, 'b');

crypto::RelayKey key(std::uint8_t byte) {
  crypto::RelayKey out;
  out.bytes.fill(byte);
  return out;
}
Bytes hex(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  auto raw = from_hex(text);
  REQUIRE(raw);
  return *raw;
}
struct Seen {
  FrameType type;
  Bytes payload;
  bool operator==(const Seen&) const = default;
};
std::vector<Seen> read_all(FrameReader& reader, ByteView bytes, std::size_t step) {
  std::vector<Seen> seen;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const auto fed =
        reader.feed(bytes.subspan(at, std::min(step, bytes.size() - at)), [&](const Frame& frame) {
          seen.push_back({frame.type, to_bytes(frame.payload)});
          return true;
        });
    REQUIRE(fed);
  }
  return seen;
}

}  // namespace

TEST_CASE("derp frame: name, struct, hex") {
  Challenge challenge;
  challenge.bytes.fill(0xCC);
  Bytes out;
  const auto check = [&](const char* name, const std::string& expected) {
    INFO(name);
    CHECK(to_hex(out) == to_hex(hex(expected)));
    out.clear();
  };
  write_server_key(out, key(0xAA), nullptr);
  check("ServerKey", "01 00000028 44455250f09f9491" + kA);
  write_server_key(out, key(0xAA), &challenge);
  check("ServerKey with challenge", "01 00000048 44455250f09f9491" + kA + std::string(64, 'c'));
  write_frame(out, FrameType::kSendPacket, {key(0xBB).view(), view("hi")});
  check("SendPacket", "04 00000022" + kB + "6869");
  write_frame(out, FrameType::kRecvPacket, {key(0xAA).view(), view("hi")});
  check("RecvPacket", "05 00000022" + kA + "6869");
  write_frame(out, FrameType::kKeepAlive, {});
  check("KeepAlive", "06 00000000");
  write_frame(out, FrameType::kNotePreferred, {hex("01")});
  check("NotePreferred", "07 00000001 01");
  write_frame(out, FrameType::kPeerGone, {key(0xBB).view(), hex("00")});
  check("PeerGone, disconnected", "08 00000021" + kB + "00");
  write_frame(out, FrameType::kPeerGone, {key(0xBB).view(), hex("01")});
  check("PeerGone, not here", "08 00000021" + kB + "01");
  write_frame(out, FrameType::kPing, {hex("0102030405060708")});
  check("Ping", "12 00000008 0102030405060708");
  write_frame(out, FrameType::kPong, {hex("0102030405060708")});
  check("Pong", "13 00000008 0102030405060708");
  write_frame(out, FrameType::kHealth, {view("full")});
  check("Health", "14 00000004 66756c6c");
  write_restarting(out, 1'500, 30'000);
  check("Restarting", "15 00000008 000005dc 00007530");
  write_frame(out, FrameType::kTicket, {view("t\n")});
  check("Ticket", "40 00000002 740a");
}

TEST_CASE("derp frame: hex, struct") {
  const auto greeting = read_server_key(hex("44455250f09f9491" + kA));
  REQUIRE(greeting);
  CHECK(greeting->relay == key(0xAA));
  CHECK_FALSE(greeting->challenge);
  // Bytes past the challenge belong to a later version.
  const auto ours = read_server_key(hex("44455250f09f9491" + kA + kB + "ffff"));
  REQUIRE(ours);
  REQUIRE(ours->challenge);
  CHECK(ours->challenge->hex() == kB);
  CHECK_FALSE(read_server_key(hex("44455250f09f9492" + kA)));

  const auto gone = read_peer_gone(hex(kB + "01"));
  CHECK(gone.peer == key(0xBB));
  CHECK(gone.reason == PeerGoneReason::kNotHere);
  CHECK(read_peer_gone(hex(kB)).reason == PeerGoneReason::kDisconnected);

  const auto restarting = read_restarting(hex("000005dc00007530"));
  CHECK(restarting.reconnect_in_ms == 1'500);
  CHECK(restarting.try_for_ms == 30'000);

  const auto raw = hex(kA + "6869");
  const auto packet = read_packet(raw);
  CHECK(packet.peer == key(0xAA));
  CHECK(text(packet.bytes) == "hi");
}

TEST_CASE("derp frame: disco packets are known by their magic") {
  CHECK(is_disco(hex("5453f09f92ac")));
  CHECK(is_disco(hex("5453f09f92ac00")));
  CHECK_FALSE(is_disco(hex("5453f09f92")));
  CHECK_FALSE(is_disco(hex("5453f09f92ad00")));
  CHECK_FALSE(is_disco({}));
}

TEST_CASE("derp frame: any cut of the stream gives the same frames; unknown types are skipped") {
  Bytes stream;
  write_frame(stream, FrameType::kSendPacket, {key(1).view(), Bytes(3'000, 7)});
  append(stream, hex("7f 00000003 010203"));  // unknown
  append(stream, hex("ee 00000000"));         // unknown and empty
  write_frame(stream, FrameType::kKeepAlive, {});
  write_frame(stream, FrameType::kPing, {hex("0102030405060708")});
  const std::vector<Seen> expected = {
      {FrameType::kSendPacket, to_bytes(ByteView(stream).subspan(5, 3'032))},
      {FrameType::kKeepAlive, {}},
      {FrameType::kPing, hex("0102030405060708")}};
  for (const std::size_t step : std::initializer_list<std::size_t>{1, 2, 3, 4, 5, 6, 7, 100, 3'036,
                                                                   3'037, 3'038, 3'050, 10'000}) {
    FrameReader reader;
    INFO("step " << step);
    CHECK(read_all(reader, stream, step) == expected);
    CHECK(reader.skipped() == 2);
  }
}

TEST_CASE("derp frame: every type's length bounds") {
  for (unsigned type = 0; type < 256; ++type) {
    const auto bounds = payload_bounds(static_cast<std::uint8_t>(type));
    const auto feed = [&](std::size_t size) {
      Bytes header = {static_cast<std::uint8_t>(type), 0, 0, 0, 0};
      store_be(header.data() + 1, static_cast<std::uint32_t>(size));
      FrameReader reader;
      return reader.feed(header, [](const Frame&) { return true; }).has_value();
    };
    INFO("type " << type);
    const auto most = bounds ? bounds->most : kMaxFrameSize;
    CHECK(feed(most));
    CHECK_FALSE(feed(most + 1));
    CHECK_FALSE(feed(0xFFFFFFFF));
    if (!bounds) continue;
    for (std::size_t size = 0; size < bounds->least; ++size) CHECK_FALSE(feed(size));
    CHECK(feed(bounds->least));
  }
}

TEST_CASE("derp frame: random bytes never read outside, never hold more than one frame") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SeededRng rng(seed);
    INFO("seed " << seed);
    FrameReader reader;
    for (int i = 0; i < 20; ++i) {
      Bytes bytes(rng.below(300));
      rng.fill(bytes);
      if (!bytes.empty() && rng.below(2) == 0)
        bytes[0] = static_cast<std::uint8_t>(rng.below(0x42));
      if (bytes.size() > 4) bytes[1] = bytes[2] = bytes[3] = 0;
      if (!reader.feed(bytes, [](const Frame& frame) {
            const auto bounds = payload_bounds(static_cast<std::uint8_t>(frame.type));
            REQUIRE(bounds);
            CHECK(frame.payload.size() >= bounds->least);
            return true;
          })) {
        break;
      }
    }
  }
}

TEST_CASE("derp frame: only one type is taken when the owner says so") {
  Bytes login;
  write_frame(login, FrameType::kClientInfo, {Bytes(kKeySize + 40, 1)});
  const Bytes unknown = {0x7F, 0, 0, 0, 1, 0xFF};
  for (unsigned type = 0; type < 256; ++type) {
    const auto bounds = payload_bounds(static_cast<std::uint8_t>(type));
    if (!bounds || static_cast<FrameType>(type) == FrameType::kClientInfo) continue;
    Bytes header = {static_cast<std::uint8_t>(type)};
    Writer(header).be(static_cast<std::uint32_t>(bounds->most));
    FrameReader reader;
    reader.take_only(FrameType::kClientInfo);
    int frames = 0;
    const auto count = [&](const Frame&) { return ++frames > 0; };
    CHECK(reader.feed(login, count));
    CHECK(reader.feed(unknown, count));  // skipped, never stored
    INFO("type " << type);
    CHECK_FALSE(reader.feed(header, count));  // refused before its payload comes
    CHECK(frames == 1);
  }
  FrameReader reader;
  reader.take_only(FrameType::kClientInfo);
  reader.take_all();
  Bytes ping;
  write_frame(ping, FrameType::kPing, {Bytes(8, 1)});
  int frames = 0;
  CHECK(reader.feed(ping, [&](const Frame&) { return ++frames > 0; }));
  CHECK(frames == 1);
}

TEST_CASE("derp frame: writing a frame out of its type's bounds ends the program") {
  const auto [type, size] = GENERATE(table<FrameType, std::size_t>({
      {FrameType::kPing, 7},
      {FrameType::kTicket, kMaxTicketSize + 1},
      {FrameType::kSendPacket, kKeySize + kMaxPacketSize + 1},
      {static_cast<FrameType>(0x7F), 1},
  }));
  const auto child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);
    ::signal(SIGABRT, SIG_DFL);
    Bytes out;
    write_frame(out, type, {Bytes(size, 1)});
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}
