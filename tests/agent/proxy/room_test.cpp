#include "agent/proxy/room.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace culvert::proxy;

namespace {

std::size_t fill(RoomParty& party) {
  while (party.enter()) {
  }
  return party.size();
}

}  // namespace

TEST_CASE("room: a greedy party leaves as much as it takes") {
  const auto room = std::make_shared<Room>(100);
  RoomParty greedy(room, 1000);
  CHECK(fill(greedy) == 50);
  RoomParty second(room, 1000);
  CHECK(fill(second) == 25);
  RoomParty third(room, 1000);
  CHECK(third.enter());
  CHECK_FALSE(greedy.enter());
  greedy.leave();
  CHECK(room->used() == 75);
}

TEST_CASE("room: with any number of greedy parties the next one still finds a place") {
  const auto room = std::make_shared<Room>(kLeastRoom * 16);
  std::vector<std::unique_ptr<RoomParty>> parties;
  for (int i = 0; i < 8; ++i) {
    parties.push_back(std::make_unique<RoomParty>(room, 512));
    CHECK(fill(*parties.back()) > 0);
  }
  RoomParty next(room, 512);
  CHECK(next.enter());
  parties.clear();  // a party that leaves gives all of its room back
  CHECK(room->used() == 1);
  CHECK(fill(next) == 512);
}

TEST_CASE("room: a party keeps to its own limit") {
  RoomParty party(std::make_shared<Room>(1000), 3);
  CHECK(fill(party) == 3);
  CHECK(party.full());
  party.leave();
  CHECK_FALSE(party.full());
}

TEST_CASE("room: descriptors are left for everything else") {
  CHECK(room_for_descriptors(0) == kLeastRoom);
  CHECK(room_for_descriptors(1024) == (1024 - kOtherDescriptors) / 2);
  CHECK(room_for_descriptors(20'000) == kMostRoom);
  CHECK(room_of_this_process() >= kLeastRoom);
}
