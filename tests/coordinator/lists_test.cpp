// Lists over several sites are complete, wherever the page breaks are.
#include <catch2/catch.hpp>
#include <set>

#include "tests/coordinator/world_support.hpp"

namespace culvert::coordinator::test {
namespace {

TEST_CASE("lists: the nodes of three sites all arrive, with who was enrolled") {
  World world;
  for (const std::string name : {"a", "b", "c"}) {
    auto& site = world.add_site(name + ".byoc.example.com");
    for (int i = 0; i < 120; ++i) {
      auto& agent = world.agent(site, "n" + std::to_string(i));
      world.cut(agent);
      agent.reachable = false;
    }
  }
  auto& carol = world.person_with(world.vendor_approver);
  std::set<std::string> enrolled, nodes;
  std::size_t pages = 0;
  std::string page;
  for (;;) {
    const auto listed =
        world.answer(carol, carol.client->list(control::ListWhat::kNodes, {}, page));
    if (!listed) FAIL(listed.error().message);
    REQUIRE(++pages < 50);
    for (const auto& entry : listed->entries) {
      const auto note = note::parse(entry.note).value();
      const bool notes_one = trust::kind_of(note.text) == trust::Kind::kEnrolled;
      CHECK((notes_one ? enrolled : nodes).insert(note.text).second);
    }
    if (!listed->page) break;
    CHECK(*listed->page > page);
    page = *listed->page;
  }
  CHECK(pages > 2);
  CHECK(nodes.size() == 360);
  CHECK(enrolled.size() == 360);
}

}  // namespace
}  // namespace culvert::coordinator::test
