// The coordinator on a full disk, and on an older copy of its store.
#include <catch2/catch.hpp>

#include "coordinator/core/impl.hpp"
#include "tests/coordinator/world_support.hpp"

namespace culvert::coordinator::test {
namespace {

std::string grant_id(const std::string& note) {
  return trust::Grant::parse(note::parse(note).value().text).value().id.str();
}

struct Running : World {
  Running() {
    site = &add_site("acme.byoc.example.com");
    cluster = &agent(*site, "cluster-1");
    publish(*cluster, *site);
    laptop = &device("alice-laptop", "alice@vendor.example");
    carol = &person_with(vendor_approver);
    bob = &person_with(site->approver);
  }
  std::string granted() {
    const auto note = request(*laptop, *site);
    REQUIRE(put(*laptop, note).has_value());
    approve(note, vendor_approver, *carol);
    approve(note, site->approver, *bob);
    return note;
  }
  std::string revocation(const std::string& grant) {
    const auto parsed = trust::Grant::parse(note::parse(grant).value().text).value();
    return note::render(
        trust::revoke_grant(parsed, vendor_id, "over", now.wall, site->approver.signer()).value());
  }
  bool stored(const std::string& note) {
    const auto id = note::hash(note::parse(note).value());
    const auto rows = store.notes().value();
    for (const auto& row : rows) {
      if (row.id == id) return true;
    }
    return false;
  }

  TestSite* site = nullptr;
  Party* cluster = nullptr;
  Party* laptop = nullptr;
  Party* carol = nullptr;
  Party* bob = nullptr;
};

TEST_CASE("full disk: revocations commit from the reserve, and leases go on as long as they do") {
  Running world;
  const auto first = world.granted();
  const auto second = world.granted();
  const auto third = world.granted();
  world.store.set_failing(true, 1);
  CHECK_FALSE(world.put(*world.laptop, world.request(*world.laptop, *world.site)));
  CHECK_FALSE(world.core->counters().takes_statements);
  CHECK(world.lease(*world.cluster, {grant_id(first)})->grants.size() == 1);

  const auto one = world.revocation(first);
  REQUIRE(world.put(*world.bob, one));
  CHECK(world.stored(one));
  CHECK(world.cluster->hears(one));
  CHECK(world.laptop->hears(one));
  // The reserve is used up: a new revocation might be lost, so the coordinator signs no lease.
  CHECK(world.core->counters().leases_stopped);
  CHECK_FALSE(world.lease(*world.cluster, {grant_id(second)}));
  const auto two = world.revocation(second);
  const auto refused = world.put(*world.bob, two);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK_FALSE(world.stored(two));

  world.store.set_failing(false);
  world.pass(2s);
  CHECK_FALSE(world.core->counters().leases_stopped);
  CHECK(world.core->counters().takes_statements);
  REQUIRE(world.put(*world.bob, two));
  CHECK(world.lease(*world.cluster, {grant_id(second)})->grants.empty());
  CHECK(world.lease(*world.cluster, {grant_id(third)})->grants.size() == 1);
  world.restart();
  world.pass(5s);
  CHECK(world.cluster->hears(one));
  CHECK(world.cluster->hears(two));
}

TEST_CASE(
    "full disk: one revocation that was not made durable stops leases until a write goes well") {
  Running world;
  const auto grant = world.granted();
  world.store.set_failing(true);
  REQUIRE_FALSE(world.put(*world.bob, world.revocation(grant)));
  CHECK_FALSE(world.lease(*world.cluster, {grant_id(grant)}));
  world.pass(10s);
  CHECK_FALSE(world.lease(*world.cluster, {grant_id(grant)}));
  world.store.set_failing(false);
  world.pass(2s);
  CHECK(world.lease(*world.cluster, {grant_id(grant)}));
}

TEST_CASE("full disk: of a put with a revocation among others the revocation is taken") {
  Running world;
  const auto grant = world.granted();
  const auto more = world.request(*world.laptop, *world.site);
  world.store.set_failing(true, 4);
  const auto revocation = world.revocation(grant);
  CHECK_FALSE(world.answer(*world.carol,
                           world.carol->client->put({revocation, world.site->site_note, more})));
  CHECK(world.stored(revocation));
  CHECK_FALSE(world.stored(more));
}

TEST_CASE("full disk: repeated failures are refused without a read of the store each time") {
  Running world;
  world.store.set_failing(true);
  audit::Entry entry;
  entry.at = world.now.wall;
  entry.kind = audit::Kind::kFlowOpen;
  const auto line = audit::render(entry);
  for (std::uint64_t i = 0; i < 50; ++i) {
    CHECK_FALSE(world.answer(*world.cluster, world.cluster->client->upload_audit(i, {line})));
  }
  CHECK(world.core->counters().store_failures == 1);
}

control::RequestId offered(Party& party, std::vector<control::NoteId> ids,
                           std::vector<std::string> notes) {
  return party.client->offer(std::move(ids), std::move(notes)).value();
}

TEST_CASE("old copy: no lease for a site until one of its agents has offered its revocations") {
  Running world;
  auto& other = world.add_site("other.byoc.example.com");
  auto& elsewhere = world.agent(other, "elsewhere");
  const auto grant = world.granted();
  MemoryStore copy;
  copy.restore(world.store);
  const auto revocation = world.revocation(grant);
  const auto id = note::hash(note::parse(revocation).value());
  REQUIRE(world.put(*world.bob, revocation));
  world.store.restore(copy);
  world.restart();
  world.pass(5s);
  REQUIRE(world.cluster->client->connected());
  const auto* welcome = world.cluster->last<control::Connected>();
  CHECK(welcome->offer);
  CHECK(welcome->revocations.empty());
  CHECK(world.cluster->hears(grant));  // the old copy has the grant but no revocation
  CHECK_FALSE(world.lease(*world.cluster, {grant_id(grant)}));
  CHECK_FALSE(world.lease(*world.laptop, {grant_id(grant)}));
  CHECK(elsewhere.last<control::Connected>()->offer == false);

  const auto wanted = world.answer(*world.cluster, offered(*world.cluster, {id, {}}, {}));
  REQUIRE(wanted);
  CHECK(wanted->lines.size() == 2);
  // A revocation is named but not handed in.
  CHECK_FALSE(world.lease(*world.cluster, {grant_id(grant)}));
  REQUIRE(world.answer(
      *world.cluster, offered(*world.cluster, {}, {"rubbish", world.site->root_note, revocation})));
  CHECK(world.stored(revocation));
  CHECK(world.cluster->hears(revocation));
  REQUIRE(world.lease(*world.cluster, {grant_id(grant)}));
  CHECK(world.lease(*world.cluster, {grant_id(grant)})->grants.empty());
  const auto none = world.answer(*world.cluster, offered(*world.cluster, {id}, {}));
  CHECK(none->lines.empty());
}

TEST_CASE("old copy: leases wait 30 seconds at most, and not after an ordinary restart") {
  Running world;
  const auto grant = world.granted();
  world.restart();
  world.pass(5s);
  REQUIRE(world.cluster->client->connected());
  CHECK_FALSE(world.cluster->last<control::Connected>()->offer);
  CHECK(world.lease(*world.cluster, {grant_id(grant)}));

  MemoryStore copy;
  copy.restore(world.store);
  world.granted();  // the agent learns of the grant and of the store's position
  world.store.restore(copy);
  world.restart();
  world.pass(5s);
  CHECK(world.cluster->last<control::Connected>()->offer);
  CHECK_FALSE(world.lease(*world.cluster, {grant_id(grant)}));
  world.pass(26s);
  CHECK(world.lease(*world.cluster, {grant_id(grant)}));
}

TEST_CASE(
    "old copy: welcome says where a node's audit log goes on, and an early upload leaves no gap") {
  Running world;
  audit::Entry entry;
  entry.at = world.now.wall;
  entry.kind = audit::Kind::kFlowOpen;
  entry.site = "acme.byoc.example.com";
  const auto line = audit::render(entry);
  REQUIRE(world.answer(*world.cluster, world.cluster->client->upload_audit(0, {line, line})));
  MemoryStore copy;
  copy.restore(world.store);
  REQUIRE(world.answer(*world.cluster, world.cluster->client->upload_audit(2, {line, line, line})));
  world.store.restore(copy);
  world.restart();
  // One upload is on its way when the coordinator comes back.
  const auto early = world.cluster->client->upload_audit(5, {line});
  world.pass(5s);
  CHECK(world.cluster->last<control::Connected>()->audit_next == 2);
  const auto answered = world.answer(*world.cluster, early);
  REQUIRE(answered);
  CHECK(answered->next == 2);
  REQUIRE(world.answer(*world.cluster,
                       world.cluster->client->upload_audit(2, {line, line, line, line})));
  CHECK(world.store.next_index(crypto::format_ed25519(world.cluster->node.identity)).value() == 6);
}

TEST_CASE("offers: from admitted nodes alone, and nothing but revocations") {
  Running world;
  auto& stranger = world.device("stranger", "mallory@vendor.example", false);
  CHECK_FALSE(world.answer(stranger, offered(stranger, {}, {})));
  CHECK_FALSE(world.answer(*world.bob, offered(*world.bob, {}, {})));
  const auto request = world.request(*world.laptop, *world.site);
  REQUIRE(world.answer(*world.laptop, offered(*world.laptop, {}, {request})));
  CHECK_FALSE(world.stored(request));
}

}  // namespace
}  // namespace culvert::coordinator::test
