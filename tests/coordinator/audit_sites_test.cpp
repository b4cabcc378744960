// Audit lines about a site are in that site's share of the audit log, and the site's own keys may
// read them.
#include <catch2/catch.hpp>

#include "proto/audit/entry.hpp"
#include "tests/coordinator/world_support.hpp"

namespace culvert::coordinator::test {
namespace {

std::size_t rows_of(World& world, const std::string& site, audit::Kind kind,
                    const std::string& outcome) {
  std::size_t out = 0;
  AuditFilter filter;
  filter.site = site;
  for (;;) {
    const auto rows = world.store.audit(filter).value();
    for (const auto& stored : rows) {
      const auto entry = audit::parse_entry(stored.row.line).value();
      if (entry.kind != kind || entry.outcome != outcome) continue;
      CHECK(entry.site == site);
      ++out;
    }
    if (rows.size() < kMaxAuditPage) return out;
    filter.after = rows.back().number;
  }
}

// The agent connects again with its next statement.
void come_again(World& world, Party& agent) {
  world.cut(agent);
  ++agent.node.serial;
  const auto note =
      trust::sign_statement(agent.node, trust::Signer{agent.node.name.str(), agent.keys->identity});
  agent.client->set_node(note::render(*note), agent.enrolment[1] + "\n" + agent.enrolment[2]);
  world.pass(1s);
}

TEST_CASE("audit attack: enrolments and revocations at a site are lines of that site") {
  World world;
  auto& site = world.add_site("a.byoc.example.com");
  auto& agent = world.agent(site, "agent-a");
  auto& laptop = world.device("alice", "alice@vendor.example");
  auto& bob = world.person_with(site.approver);
  auto& carol = world.person_with(world.vendor_approver);
  const auto name = site.ref.name.str();
  CHECK(rows_of(world, name, audit::Kind::kNodeAdmitted, "enrolled") == 1);
  CHECK(rows_of(world, "", audit::Kind::kNodeAdmitted, "enrolled") == 0);
  const auto revoke = [&](trust::Revokes what, const trust::IdentityKey& identity,
                          std::optional<trust::SiteRef> at, const Holder& by, Party& from) {
    const auto note = trust::revoke_identity(what, identity, world.vendor_id, std::move(at), "x",
                                             world.now.wall, by.signer());
    REQUIRE(world.put(from, note::render(*note)));
  };
  revoke(trust::Revokes::kDevice, laptop.node.identity, site.ref, site.approver, bob);
  revoke(trust::Revokes::kNode, agent.node.identity, site.ref, site.approver, bob);
  CHECK(rows_of(world, name, audit::Kind::kRevocation, "revoked") == 2);
  CHECK(rows_of(world, "", audit::Kind::kRevocation, "revoked") == 0);
  revoke(trust::Revokes::kDevice, laptop.node.identity, std::nullopt, world.vendor_approver, carol);
  CHECK(rows_of(world, "", audit::Kind::kRevocation, "revoked") == 1);
}

TEST_CASE("audit attack: an agent that comes with ever new statements is told to wait") {
  World world;
  auto& site = world.add_site("a.byoc.example.com");
  auto& busy = world.agent(site, "busy");
  auto& calm = world.agent(site, "calm");
  for (int i = 0; i < 60; ++i) come_again(world, busy);
  const auto name = site.ref.name.str();
  const auto rows = rows_of(world, name, audit::Kind::kNodeAdmitted, "enrolled");
  CHECK(rows >= 16);
  CHECK(rows <= 22);
  const auto* lost = busy.last<control::Disconnected>();
  REQUIRE(lost != nullptr);
  CHECK(lost->why.message.find("too many new statements of one agent") != std::string::npos);
  come_again(world, calm);
  CHECK(rows_of(world, name, audit::Kind::kNodeAdmitted, "enrolled") == rows + 1);
  CHECK(calm.client->connected());
  world.pass(120s);  // the agent's next attempt succeeds
  CHECK(busy.client->connected());
}

}  // namespace
}  // namespace culvert::coordinator::test
