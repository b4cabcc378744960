#include "proto/core/arena.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace culvert;

TEST_CASE("arena: pieces stay where they are until all are given up") {
  Arena arena;
  std::vector<ByteView> pieces;
  for (std::size_t i = 0; i < 2000; ++i) {
    const Bytes bytes(1000, static_cast<std::uint8_t>(i));
    pieces.push_back(arena.copy(bytes));
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    REQUIRE(equal(pieces[i], Bytes(1000, static_cast<std::uint8_t>(i))));
  }
}

TEST_CASE("arena: memory is used again") {
  Arena arena;
  std::set<const void*> seen;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 8; ++i) seen.insert(arena.allocate(Arena::kChunkSize).data());
    arena.clear();
  }
  CHECK(seen.size() == 8);
}

TEST_CASE("arena: an empty piece is a piece") {
  Arena arena;
  CHECK(arena.copy({}).empty());
  CHECK(arena.allocate(0).empty());
}
