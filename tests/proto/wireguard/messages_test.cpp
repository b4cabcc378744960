#include "proto/wireguard/messages.hpp"

#include <catch2/catch.hpp>

#include "proto/core/rng.hpp"
#include "proto/wireguard/tai64n.hpp"
#include "proto/wireguard/tombstones.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::wireguard;

TEST_CASE("messages: which datagrams have a type") {
  struct Row {
    std::uint8_t type;
    std::size_t size;
    std::optional<MessageType> expected;
  };
  const std::vector<Row> rows = {
      {1, 148, MessageType::kInitiation},
      {1, 147, {}},
      {1, 149, {}},
      {2, 92, MessageType::kResponse},
      {2, 91, {}},
      {2, 93, {}},
      {3, 64, MessageType::kCookieReply},
      {3, 63, {}},
      {3, 65, {}},
      {4, 32, MessageType::kTransport},
      {4, 31, {}},
      {4, 33, MessageType::kTransport},
      {4, 1452, MessageType::kTransport},
      {0, 148, {}},
      {5, 148, {}},
      {255, 148, {}},
      {4, 0, {}},
      {1, 3, {}},
  };
  for (const auto& row : rows) {
    INFO("type " << int{row.type} << " size " << row.size);
    Bytes datagram(row.size);
    if (row.size > 0) datagram[0] = row.type;
    CHECK(message_type(datagram) == row.expected);
    for (std::size_t reserved = 1; reserved < 4 && reserved < row.size; ++reserved) {
      auto other = datagram;
      other[reserved] = 1;
      CHECK_FALSE(message_type(other));
    }
  }
}

TEST_CASE("messages: struct to hex and back") {
  Bytes raw(kTransportHeaderSize);
  encode(TransportHeader{SessionIndex(0x04030201), 0x1122334455667788}, raw);
  CHECK(to_hex(raw) == "04000000010203048877665544332211");

  CookieReply cookie{SessionIndex(7), {}, {}};
  cookie.nonce.fill(0xAA);
  cookie.sealed_cookie.fill(0xBB);
  raw.resize(kCookieReplySize);
  encode(cookie, raw);
  std::string expected = "0300000007000000";
  for (int i = 0; i < 24; ++i) expected += "aa";
  for (int i = 0; i < 32; ++i) expected += "bb";
  CHECK(to_hex(raw) == expected);

  SeededRng rng(1);
  for (const std::size_t size : {kInitiationSize, kResponseSize, kCookieReplySize}) {
    Bytes in(size);
    rng.fill(in);
    Bytes out(size, 0x55);
    if (size == kInitiationSize) encode(decode_initiation(in), out);
    if (size == kResponseSize) encode(decode_response(in), out);
    if (size == kCookieReplySize) encode(decode_cookie_reply(in), out);
    const std::size_t macs = size == kCookieReplySize ? 0 : kMacsSize;
    CHECK(
        equal(ByteView(out).subspan(4, size - macs - 4), ByteView(in).subspan(4, size - macs - 4)));
    CHECK(equal(ByteView(out).last(macs), Bytes(macs, 0)));
  }
}

TEST_CASE("TAI64N: greater each time, whatever the wall clock does") {
  Tai64nSource source;
  const auto first = source.next({Instant{500'000'000}, WallTime{1'700'000'000}});
  // 2^62 + 10 + 1700000000; 500 ms rounded down to a multiple of 2^24 ns.
  CHECK(to_hex(first.bytes) == "400000006553f10a1d000000");
  auto last = first;
  const std::vector<Now> clocks = {
      {Instant{500'000'000}, WallTime{1'700'000'000}},  // the same moment
      {Instant{500'000'001}, WallTime{1'700'000'000}},  // within the same 16 ms
      {Instant{900'000'000}, WallTime{1'700'000'000}},
      {Instant{1'100'000'000}, WallTime{1'700'000'000}},  // steady wrapped, wall did not
      {Instant{1'600'000'000}, WallTime{1'600'000'000}},  // set back by years
      {Instant{1'700'000'000}, WallTime{1'700'000'001}},
      {Instant{1'700'000'000}, WallTime{1'900'000'000}},
      {Instant{1'800'000'000}, WallTime{1'700'000'002}},
  };
  for (const auto& now : clocks) {
    const auto label = source.next(now);
    CHECK(label > last);
    last = label;
  }
}

TEST_CASE("tombstones: bounded, the oldest goes first") {
  SeededRng rng(2);
  Tombstones tombstones;
  std::vector<crypto::WireGuardKey> keys(Tombstones::kMaxTombstones + 1);
  Tai64n label;
  label.bytes[0] = 1;
  for (auto& key : keys) {
    rng.fill(key.bytes);
    tombstones.put(key, label);
  }
  CHECK(tombstones.size() == Tombstones::kMaxTombstones);
  CHECK_FALSE(tombstones.find(keys.front()));
  CHECK(tombstones.find(keys.back()) == label);
  CHECK(tombstones.take(keys[1]) == label);
  CHECK_FALSE(tombstones.take(keys[1]));
  label.bytes[0] = 2;
  tombstones.put(keys[2], label);
  CHECK(tombstones.find(keys[2]) == label);
  CHECK(tombstones.size() == Tombstones::kMaxTombstones - 1);
}
