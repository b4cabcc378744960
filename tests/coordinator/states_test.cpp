// The states of agents: the newest state of each agent is kept and shown to the site's own keys.
#include <catch2/catch.hpp>

#include "coordinator/core/states.hpp"
#include "tests/coordinator/world_support.hpp"

namespace culvert::coordinator::test {
namespace {

std::string state_of(const Party& agent, const World& world, std::uint64_t policy,
                     const crypto::SigningKey& key) {
  trust::SiteState state;
  state.site = agent.node.site;
  state.agent = agent.node.identity;
  state.policy.number = policy;
  state.issued = world.now.wall;
  return note::render(*trust::sign_statement(state, trust::Signer{agent.name, key}));
}

std::vector<control::Listed> all_entries(World& world, Party& person,
                                         std::size_t* pages = nullptr) {
  std::vector<control::Listed> out;
  std::string page;
  for (;;) {
    const auto reply =
        world.answer(person, person.client->list(control::ListWhat::kStates, std::nullopt, page));
    if (!reply) return {};
    if (pages != nullptr) ++*pages;
    out.insert(out.end(), reply->entries.begin(), reply->entries.end());
    if (!reply->page) return out;
    page = *reply->page;
  }
}

std::vector<trust::SiteState> listed(World& world, Party& person) {
  std::vector<trust::SiteState> out;
  for (const auto& entry : all_entries(world, person)) {
    if (entry.state != "STATE") continue;
    out.push_back(*trust::SiteState::parse(note::parse(entry.note)->text));
  }
  return out;
}

}  // namespace

TEST_CASE("states: the newest of each agent, to the site's own keys and no others") {
  World world;
  auto& acme = world.add_site("acme.byoc.example.com");
  auto& bolt = world.add_site("bolt.byoc.example.com");
  auto& first = world.agent(acme, "first");
  auto& second = world.agent(acme, "second");
  auto& elsewhere = world.agent(bolt, "elsewhere");
  REQUIRE(world.put(first, state_of(first, world, 1, first.keys->identity)));
  REQUIRE(world.put(second, state_of(second, world, 1, second.keys->identity)));
  REQUIRE(world.put(elsewhere, state_of(elsewhere, world, 7, elsewhere.keys->identity)));
  world.pass(5s);
  REQUIRE(world.put(first, state_of(first, world, 2, first.keys->identity)));
  auto& bob = world.person_with(acme.approver);
  const auto states = listed(world, bob);
  REQUIRE(states.size() == 2);
  for (const auto& state : states) {
    CHECK(state.site == acme.ref);
    CHECK(state.policy.number == (state.agent == first.node.identity ? 2 : 1));
  }
}

TEST_CASE("states: an agent speaks for itself alone, by its own key, for its own site") {
  World world;
  auto& acme = world.add_site("acme.byoc.example.com");
  auto& honest = world.agent(acme, "honest");
  auto& liar = world.agent(acme, "liar");
  auto& laptop = world.device("laptop", "alice@vendor.example");
  const auto code = [&](Party& from, const std::string& note) {
    const auto put = world.put(from, note);
    return put ? std::optional<ErrorCode>() : std::optional(put.error().code);
  };
  CHECK(code(liar, state_of(honest, world, 9, liar.keys->identity)) == ErrorCode::kDenied);
  CHECK(code(liar, state_of(honest, world, 9, honest.keys->identity)) == ErrorCode::kDenied);
  CHECK(code(liar, state_of(liar, world, 9, honest.keys->identity)) == ErrorCode::kUnverified);
  CHECK(code(laptop, state_of(liar, world, 9, liar.keys->identity)) == ErrorCode::kDenied);
  auto& bob = world.person_with(acme.approver);
  CHECK(code(bob, state_of(liar, world, 9, liar.keys->identity)) == ErrorCode::kDenied);
  CHECK(listed(world, bob).empty());

  // An older state does not replace a newer state.
  const auto old = state_of(liar, world, 1, liar.keys->identity);
  world.pass(5s);
  CHECK_FALSE(code(liar, state_of(liar, world, 2, liar.keys->identity)));
  CHECK(code(liar, old) == ErrorCode::kStale);
  REQUIRE(listed(world, bob).size() == 1);
  CHECK(listed(world, bob)[0].policy.number == 2);
}

TEST_CASE("states: a site of many agents is listed whole, a page at a time") {
  World world;
  auto& acme = world.add_site("acme.byoc.example.com");
  std::set<std::string> names;
  for (int i = 0; i < 200; ++i) {
    const auto name = "agent-" + std::to_string(i);
    auto& agent = world.agent(acme, name);
    if (i % 2 == 0) REQUIRE(world.put(agent, state_of(agent, world, 1, agent.keys->identity)));
    names.insert(name);
  }
  auto& bob = world.person_with(acme.approver);
  std::size_t pages = 0;
  std::size_t states = 0;
  for (const auto& entry : all_entries(world, bob, &pages)) {
    const auto note = *note::parse(entry.note);
    if (entry.state == "STATE") ++states;
    if (entry.state == "SILENT") names.erase(trust::Node::parse(note.text)->name.str());
  }
  CHECK(pages > 1);
  CHECK(states == 100);
  CHECK(names.size() == 100);  // only agents that have reported
}

TEST_CASE(
    "states: a site that fills the table loses its own states, with any number of identities") {
  World world;
  auto& small = world.add_site("acme.byoc.example.com");
  auto& large = world.add_site("bolt.byoc.example.com");
  States states;
  const auto say = [&](const trust::SiteRef& site) {
    const auto key = crypto::SigningKey::generate(world.rng);
    trust::Node node;
    node.kind = trust::NodeKind::kAgent;
    node.site = site;
    node.name = label("agent");
    node.identity = key.public_key();
    trust::SiteState state;
    state.site = site;
    state.agent = node.identity;
    state.issued = world.now.wall;
    const auto note = *trust::sign_statement(state, trust::Signer{"agent", key});
    REQUIRE(states.take(note, &node, world.rng));
    return node.identity;
  };
  std::vector<trust::IdentityKey> victims;
  for (int i = 0; i < 100; ++i) victims.push_back(say(small.ref));
  for (std::size_t i = 0; i < kMaxStates + 500; ++i) say(large.ref);
  CHECK(states.size() == kMaxStates);
  for (const auto& victim : victims) CHECK(states.find(victim) != nullptr);
}

TEST_CASE("fresh: the newest one is carried to the site's agents, and only that") {
  World world;
  auto& acme = world.add_site("acme.byoc.example.com");
  auto& agent = world.agent(acme, "agent");
  auto& bob = world.person_with(acme.approver);
  const auto fresh = [&](const Holder& by) {
    trust::Fresh out;
    out.site = acme.ref;
    out.site_root = {1, trust::to_hash(acme.ref.id)};
    out.policy = {1, acme.policy};
    out.issued = world.now.wall;
    return note::render(*trust::sign_statement(out, by.signer()));
  };
  const auto first = fresh(acme.approver);
  REQUIRE(world.put(bob, first));
  world.pump();
  CHECK(agent.hears(first));
  world.pass(60s);
  CHECK_FALSE(world.put(bob, fresh(acme.enroller)));
  CHECK_FALSE(world.put(bob, fresh(world.vendor_approver)));
  const auto second = fresh(acme.approver);
  REQUIRE(world.put(bob, second));
  world.pump();
  CHECK(agent.hears(second));
  CHECK_FALSE(agent.hears(first));
  CHECK_FALSE(world.put(bob, first));
}

}  // namespace culvert::coordinator::test
