#include "proto/trust/floors.hpp"

#include <catch2/catch.hpp>

#include "proto/trust/store.hpp"
#include "tests/support/memory_state.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;

TEST_CASE("floors: one strict text") {
  CHECK(must(Floors::parse(Floors{}.render())) == Floors{});
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  evidence.claim(w.now, id_of(grant));
  evidence.deny(w.now, id_of(grant));
  evidence.set_lock(true);
  must(evidence.offer(w.now, must(revoke_identity(Revokes::kDevice, w.laptop.identity, w.vendor_id,
                                                  w.site, "x", w.now.wall, Signer{"x", w.bob}))));
  const std::vector<Hash> named = {to_hash(w.site.id), Hash{}};
  must(evidence.offer(w.now,
                      must(suspend_key(named, w.vendor_id, "x", w.now.wall, Signer{"x", w.bob}))));
  const auto floors = evidence.floors();
  CHECK(floors.vendors.size() == 1);
  CHECK(floors.sites.size() == 1);
  CHECK(floors.nodes.size() == 2);
  CHECK(floors.tombstones.size() == 1);
  CHECK(floors.claims.size() == 1);
  CHECK(floors.revoked.size() == 1);
  CHECK(floors.suspended.size() == 1);
  CHECK(floors.suspended_at.size() == 1);
  CHECK(floors.places.size() == 1);
  const auto text = floors.render();
  CHECK(must(Floors::parse(text)) == floors);
  for (const auto& bad :
       {text + "\n", text + "x: y\n", replaced(text, "locked: yes", "locked: YES"),
        replaced(text, "locked: yes\n", ""), replaced(text, "denied", "bored"),
        replaced(text, " one\n", " \n"), text.substr(0, text.size() - 1),
        replaced(text, "/v1", "/v2")}) {
    CHECK_FALSE(Floors::parse(bad));
  }
}

TEST_CASE("floors: the revision tells when to store them, not on every tick") {
  World w;
  auto evidence = w.agent_evidence();
  auto revision = evidence.floors_revision();
  const auto changed = [&] {
    const bool out = evidence.floors_revision() != revision;
    revision = evidence.floors_revision();
    return out;
  };
  w.pass(std::chrono::seconds{30});
  evidence.advance(w.now);
  CHECK_FALSE(changed());
  CHECK(evidence.floors().clock.kept == w.now.wall);
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  CHECK_FALSE(changed());  // a grant is no floor before it is used or ends
  evidence.claim(w.now, id_of(grant));
  CHECK(changed());
  evidence.claim(w.now, id_of(grant));
  CHECK_FALSE(changed());
  evidence.deny(w.now, id_of(grant));
  CHECK(changed());
  evidence.set_lock(true);
  CHECK(changed());
  evidence.set_lock(true);
  CHECK_FALSE(changed());
  must(evidence.offer(w.now, w.next_policy([](Policy&) {})));
  CHECK(changed());
}

TEST_CASE("store: in memory, replaced only by who saw the last version") {
  MemoryStore store;
  CHECK_FALSE(must(store.load("floors")));
  CHECK_FALSE(must(store.get("floors")));
  const auto one = to_bytes("one");
  const auto version = must(store.replace("floors", one, 0));
  CHECK(store.replace("floors", one, 0).error().code == ErrorCode::kConflict);
  CHECK(must(store.load("floors"))->version == version);
  CHECK(must(store.replace("floors", to_bytes("two"), version)) != version);
  CHECK(store.replace("floors", one, version).error().code == ErrorCode::kConflict);
  CHECK(must(store.get("floors")) == to_bytes("two"));
  CHECK(store.put("floors", one));
  CHECK(must(store.get("floors")) == one);
  CHECK(store.remove("floors"));
  CHECK(store.remove("floors"));
  CHECK(must(store.replace("floors", one, 0)) != version);  // a version is never used again
  for (const char* bad : {"", ".lock", "a/b", "A", "a b", "..", "é"}) {
    CHECK(store.put(bad, one).error().code == ErrorCode::kInvalid);
  }
  store.break_with(Error{ErrorCode::kUnavailable, "gone"});
  CHECK(store.put("floors", one).error().code == ErrorCode::kUnavailable);
  CHECK(store.get("floors").error().code == ErrorCode::kUnavailable);
}
