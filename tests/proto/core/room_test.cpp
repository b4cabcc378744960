// The room of unproven parties: shares of a source, replacement at random, nobody refused.
#include "proto/core/room.hpp"

#include <catch2/catch.hpp>
#include <set>
#include "tests/support/seeded_rng.hpp"

using culvert::IpAddress;
using culvert::Room;

namespace {

IpAddress at(std::string_view text) { return *culvert::parse_address(text); }
IpAddress stranger(std::uint32_t i) {
  return IpAddress::v4(10, static_cast<std::uint8_t>(i >> 16U), static_cast<std::uint8_t>(i >> 8U),
                       static_cast<std::uint8_t>(i));
}

}  // namespace

TEST_CASE("room: a source is one IPv4 address or one IPv6 /64") {
  CHECK(culvert::source_of(at("192.0.2.7")) == at("192.0.2.7"));
  CHECK(culvert::source_of(at("2001:db8:1:2:3:4:5:6")) == at("2001:db8:1:2::"));
  CHECK(culvert::source_of(at("::1")) == at("::"));
  culvert::SeededRng rng(1);
  Room room(8, 8, rng);
  for (Room::GuestId id = 1; id <= 3; ++id) {
    room.enter(id, at("2001:db8:1:2::" + std::to_string(id)));
  }
  room.enter(4, at("2001:db8:1:3::1"));
  CHECK(room.held_by(at("2001:db8:1:2::9")) == 3);
  CHECK(room.held_by(at("2001:db8:1:3::9")) == 1);
}

TEST_CASE("room: a place is free again after its guest has left") {
  culvert::SeededRng rng(2);
  Room room(2, 2, rng);
  CHECK_FALSE(room.enter(1, at("192.0.2.1")));
  CHECK_FALSE(room.enter(2, at("192.0.2.2")));
  room.leave(1);
  room.leave(1);
  room.leave(77);
  CHECK(room.size() == 1);
  CHECK_FALSE(room.enter(3, at("192.0.2.1")));
  CHECK(room.size() == 2);
}

TEST_CASE("room: a source that floods replaces its own guests alone") {
  culvert::SeededRng rng(3);
  Room room(100, 10, rng);
  const auto flood = at("203.0.113.66");
  for (Room::GuestId id = 1; id <= 50; ++id) {
    room.enter(id, stranger(static_cast<std::uint32_t>(id)));
  }
  std::set<Room::GuestId> replaced;
  for (Room::GuestId id = 1000; id < 6000; ++id) {
    if (const auto gone = room.enter(id, flood)) replaced.insert(*gone);
  }
  CHECK(room.held_by(flood) == 10);
  CHECK(room.size() == 60);
  CHECK(replaced.size() == 4990);
  CHECK(*replaced.begin() >= 1000);  // no guest of the fifty other sources
}

TEST_CASE("room: in a full room the sources that hold much lose their places") {
  culvert::SeededRng rng(4);
  Room room(100, 30, rng);
  Room::GuestId id = 0;
  for (std::uint32_t source = 0; source < 4; ++source) {  // 100 places by four sources
    for (int i = 0; i < 25; ++i) room.enter(++id, stranger(source));
  }
  REQUIRE(room.size() == 100);
  const Room::GuestId first = ++id;
  const auto gone = room.enter(first, at("192.0.2.1"));
  REQUIRE(gone);
  CHECK(*gone <= 100);
  // The guests of the four sources stay. The new guest is replaced only when both draws hit it.
  bool alive = true;
  for (std::uint32_t i = 0; i < 1000; ++i)
    alive = alive && room.enter(++id, stranger(i % 4)) != first;
  CHECK(alive);
  CHECK(room.size() == 100);
}

TEST_CASE("room: against ever new sources a guest keeps its place for a while") {
  // Each new guest replaces one of a hundred: after twenty new guests four of five remain.
  int kept = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    culvert::SeededRng rng(seed);
    Room room(100, 10, rng);
    std::uint32_t source = 0;
    Room::GuestId id = 1000;
    while (room.size() < 100) room.enter(++id, stranger(++source));
    room.enter(1, at("192.0.2.1"));
    bool alive = true;
    for (int i = 0; i < 20; ++i) alive = alive && room.enter(++id, stranger(++source)) != 1U;
    if (alive) ++kept;
    REQUIRE(room.size() == 100);
  }
  CHECK(kept > 120);
  CHECK(kept < 200);
}

TEST_CASE("room: a guest that has left cannot be replaced") {
  culvert::SeededRng rng(5);
  Room room(4, 4, rng);
  room.enter(1, at("192.0.2.1"));
  room.leave(1);  // the guest has proven itself
  for (Room::GuestId id = 2; id < 500; ++id) {
    const auto gone = room.enter(id, stranger(static_cast<std::uint32_t>(id)));
    CHECK(gone != 1U);
  }
}
