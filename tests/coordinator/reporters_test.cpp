// Each audit line is shown with its reporter, since both ends of a connection report the same
// event.
#include <algorithm>
#include <catch2/catch.hpp>

#include "coordinator/core/reporters.hpp"
#include "proto/audit/entry.hpp"
#include "tests/coordinator/world_support.hpp"

using namespace culvert;
using namespace culvert::coordinator;
using namespace culvert::coordinator::test;

TEST_CASE("coordinator: the audit log says who reported each line") {
  World world;
  auto& site = world.add_site("acme.byoc.example.com");
  auto& agent = world.agent(site, "cluster-1");
  auto& bob = world.person_with(site.approver);
  world.pump();
  audit::Entry entry;
  entry.at = world.now.wall;
  entry.kind = audit::Kind::kFlowOpen;
  entry.who = "alice@vendor.example";
  const auto line = audit::render(entry);
  REQUIRE(world.answer(agent, agent.client->upload_audit(0, {line})));
  const auto shown = world.answer(bob, bob.client->query_audit("acme.byoc.example.com", 0));
  REQUIRE(shown);
  const auto& lines = shown->lines;
  const auto mark = " reporter=" + crypto::format_ed25519(agent.node.identity) + " name=cluster-1";
  CHECK(std::count(lines.begin(), lines.end(), line + mark) == 1);
  for (const auto& each : lines) {
    INFO(each);
    CHECK((each.ends_with(mark) || each.ends_with(" reporter=coordinator")));
  }
}

TEST_CASE("coordinator: a reporter without a statement goes by its key") {
  const Reporters reporters({"rubbish"});
  CHECK(reporters.shown({"ed25519:aa", 0, "", {}, "a line"}) == "a line reporter=ed25519:aa");
}
