// What an agent keeps over restarts.
#include "agent/access/memory.hpp"

#include <catch2/catch.hpp>

using namespace culvert;
using namespace culvert::agent;

TEST_CASE("memory: a site store that has lost its floors is refused, a new one is not") {
  trust::MemoryStore site;
  trust::MemoryStore node;
  Memory memory(site, node);
  CHECK(memory.floors().has_value());
  Origin origin;
  origin.kind = trust::NodeKind::kAgent;
  origin.pin.bytes[0] = 1;
  trust::Floors floors;
  floors.locked = true;
  REQUIRE(memory.save(floors));
  REQUIRE(memory.save(origin));
  REQUIRE(memory.floors().has_value());
  CHECK(memory.floors()->locked);
  REQUIRE(site.remove("floors"));
  REQUIRE_FALSE(memory.floors().has_value());
  CHECK(memory.floors().error().code == ErrorCode::kDenied);
}
