// Which relays a node uses under the policies of its sites.
#include "agent/mesh/relay_rules.hpp"

#include <catch2/catch.hpp>

#include "proto/core/inside.hpp"

using namespace culvert;
using namespace culvert::agent;

namespace {

control::RelayInfo relay(const std::string& id, std::uint8_t key) {
  return {id, id + ".example.com", 7444, 3478, {{key}}, {}};
}
const std::vector<control::RelayInfo> kOffered = {relay("a", 1), relay("b", 2), relay("c", 3),
                                                  relay("d", 4)};

trust::Policy policy(const std::vector<control::RelayInfo>& relays) {
  trust::Policy out;
  for (const auto& one : relays) out.relays.push_back({one.host, one.port, one.key, {{9}}});
  return out;
}

std::string kept(const std::vector<RelayUse>& uses) {
  std::string out;
  for (const auto& use : uses) out += use.kept ? use.info.id : "-";
  return out;
}

bool may_stand_at(const RelayUse& use, std::string_view address) {
  return !leads_inside(*parse_address(address), use.inside);
}

}  // namespace

TEST_CASE("relay rules: a site without relay lines keeps the first relays of the list") {
  CHECK(kept(relays_of_site(kOffered, policy({}))) == "ab--");
  CHECK(!met_at(kOffered, policy({})));
}

TEST_CASE("relay rules: a site's agent uses the relays of the policy and no other") {
  const auto uses = relays_of_site(kOffered, policy({kOffered[3], kOffered[1], relay("x", 8)}));
  CHECK(kept(uses) == "bd");
  // From the policy, not from the coordinator.
  CHECK(uses.front().info.certificate == crypto::Hash{{9}});
  CHECK(met_at(kOffered, policy({kOffered[3]})) == RelayIds{"d"});
  // The coordinator offers no relay of the policy: the node uses no relay.
  CHECK(relays_of_site(kOffered, policy({relay("x", 8)})).empty());
  CHECK(met_at(kOffered, policy({relay("x", 8)})) == RelayIds{});
}

TEST_CASE("relay rules: host, port and key are those of the line") {
  auto other = kOffered[0];
  SECTION("another key") { other.key = {{77}}; }
  SECTION("another port") { other.port = 443; }
  SECTION("another host") { other.host = "relay.attacker.example"; }
  CHECK(relays_of_site({other}, policy({kOffered[0]})).empty());
}

TEST_CASE("relay rules: two relays of one id are one, so that none carries packets for another") {
  auto evil = relay("d", 66);
  evil.host = "relay.attacker.example";
  auto offered = kOffered;
  offered.insert(offered.begin(), evil);
  offered = distinct(offered);
  REQUIRE(offered.size() == kOffered.size());
  CHECK(offered[0] == evil);
  CHECK(met_at(offered, policy({kOffered[3]})) == RelayIds{});  // the named relay is not offered
}

TEST_CASE("relay rules: private addresses are the policy's to permit") {
  auto rules = policy({});
  CHECK(may_stand_at(relays_of_site(kOffered, rules)[0], "198.51.100.7"));
  CHECK(!may_stand_at(relays_of_site(kOffered, rules)[0], "10.1.2.3"));
  rules.privates = {*parse_prefix("10.1.0.0/16")};
  CHECK(may_stand_at(relays_of_site(kOffered, rules)[0], "10.1.2.3"));
  CHECK(!may_stand_at(relays_of_site(kOffered, rules)[0], "10.2.2.3"));
  CHECK(!may_stand_at(relays_of_site(kOffered, rules)[0], "127.0.0.1"));
  rules.relays = policy({kOffered[1]}).relays;  // a relay that a line names may stand anywhere
  CHECK(may_stand_at(relays_of_site(kOffered, rules)[0], "10.2.2.3"));
  CHECK(may_stand_at(relays_of_site(kOffered, rules)[0], "fd00::7"));
  // A site's permission does not apply to a laptop, which is in another network.
  CHECK(!may_stand_at(relays_of_laptop(kOffered, {RelayIds{"b"}})[1], "10.1.2.3"));
}

TEST_CASE("relay rules: a laptop keeps its own relays and those of the sites that name theirs") {
  CHECK(kept(relays_of_laptop(kOffered, {})) == "ab--");
  CHECK(kept(relays_of_laptop(kOffered, {RelayIds{"d"}, RelayIds{}})) == "ab-d");
  CHECK(kept(relays_of_laptop(kOffered, {RelayIds{"c", "b"}, RelayIds{"d"}})) == "abcd");
}
