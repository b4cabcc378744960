// What a node gives back to a coordinator that has lost its data.
#include <catch2/catch.hpp>

#include "agent/access/offers.hpp"
#include "tests/agent/core/world_support.hpp"

namespace culvert::agent::test {
namespace {

struct Granted : World {
  Granted() {
    set_up();
    grant = request(kApi);
    approve(grant);
    REQUIRE(run_until([&] { return live(); }, 5s));
  }
  bool live() { return site.core->status(now).live_grants == 1; }
  std::size_t stored_revocations() {
    std::size_t count = 0;
    const auto rows = store.notes().value();
    for (const auto& row : rows) {
      if (row.note.starts_with(trust::Revocation::kType)) ++count;
    }
    return count;
  }
  void go_back_to(const coordinator::MemoryStore& copy) {
    stop_coordinator();
    store.restore(copy);
    start_coordinator();
  }
  std::string grant;
};

TEST_CASE("kept revocations: a coordinator restored from an old copy gets them back") {
  Granted world;
  coordinator::MemoryStore copy;
  copy.restore(world.store);
  world.revoke(world.grant);
  REQUIRE(world.run_until([&] { return !world.live(); }, 5s));
  world.run(3s);  // both nodes have uploaded their audit lines
  REQUIRE(world.stored_revocations() == 1);
  const bool restarted = GENERATE(false, true);
  world.go_back_to(copy);
  CHECK(world.stored_revocations() == 0);
  if (restarted) {  // the revocations are in the state folder as well
    REQUIRE(world.start(world.site));
    REQUIRE(world.start(world.laptop));
  }
  CHECK(world.run_until([&] { return world.stored_revocations() == 1; }, 25s));
  CHECK_FALSE(world.live());
  world.run(5s);
  CHECK_FALSE(world.live());
  // The upload of the audit log continued where the copy ends, without a gap.
  const auto identity = world.site.core->status(world.now).identity;
  CHECK(world.store.next_index(identity).value() == world.site.audit.entries().size());
  std::size_t lines = 0;
  const auto rows = world.store.audit({}).value();
  for (const auto& stored : rows) lines += stored.row.source == identity;
  CHECK(lines == world.site.audit.entries().size());
}

TEST_CASE("kept revocations: what is kept has no lines of strangers") {
  Granted world;
  auto note = world.revocation_of(world.grant);
  const auto bytes = note::render(note).size();
  for (std::size_t line = 0; line < 12; ++line) {
    note.signatures.push_back({"junk" + std::to_string(line), {9, 9, 9, 9}, Bytes(5000, 7)});
  }
  Offers offers;
  auto evidence = world.customers_evidence();
  offers.learned(world.now, note, evidence);
  REQUIRE(offers.kept().size() == 1);
  CHECK(note::render(offers.kept().notes().front()).size() == bytes);
}

}  // namespace
}  // namespace culvert::agent::test
