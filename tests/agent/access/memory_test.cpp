// What an agent remembers across restarts.
#include "agent/store/memory.hpp"

#include <catch2/catch.hpp>

#include "tests/support/memory_state.hpp"

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

TEST_CASE("memory: what another agent has written to the same store is not overwritten") {
  trust::MemoryStore site;
  trust::MemoryStore node;
  Memory one(site, node);
  Memory other(site, node);
  trust::Floors floors;
  REQUIRE(one.floors());
  REQUIRE(other.floors());
  REQUIRE(one.save(floors));
  floors.locked = true;
  REQUIRE(one.save(floors));  // the first agent's last version
  floors.locked = false;
  for (int tries = 0; tries < 2; ++tries) {  // a second try fails too
    const auto refused = other.save(floors);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kConflict);
    CHECK(refused.error().message.find("two agents run on one state folder") != std::string::npos);
  }
  CHECK(one.floors()->locked);
  Memory started_anew(site, node);
  REQUIRE(started_anew.floors());
  CHECK(started_anew.save(floors));
  CHECK_FALSE(one.save(floors));
}

namespace {

// Writes the value but reports a failed write, as a disk may.
class Doubtful final : public trust::StateStore {
 public:
  Result<std::optional<trust::StoredValue>> load(std::string_view name) override {
    return store.load(name);
  }
  Result<std::uint64_t> replace(std::string_view name, ByteView value,
                                std::uint64_t expected) override {
    auto done = store.replace(name, value, expected);
    if (done && fails) return fail(ErrorCode::kUnavailable, "cannot sync");
    return done;
  }
  Status remove(std::string_view name) override { return store.remove(name); }

  trust::MemoryStore store;
  bool fails = false;
};

}  // namespace

TEST_CASE("own store: a write that failed and reached the disk all the same is no other agent") {
  Doubtful disk;
  OwnStore store(disk);
  REQUIRE(store.put("floors", view("first")));
  disk.fails = true;
  CHECK(store.put("floors", view("second")).error().code == ErrorCode::kUnavailable);
  disk.fails = false;
  CHECK(store.put("floors", view("third")));
  CHECK(text(**store.get("floors")) == "third");
  disk.fails = true;
  CHECK_FALSE(store.put("floors", view("fourth")));
  disk.fails = false;
  REQUIRE(disk.store.put("floors", view("of another agent")));
  CHECK(store.put("floors", view("fifth")).error().code == ErrorCode::kConflict);
}
