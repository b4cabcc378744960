#include "agent/access/rights.hpp"

#include <catch2/catch.hpp>
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::agent;

namespace {

trust::IdentityKey key(std::uint8_t number) {
  trust::IdentityKey out;
  out.bytes[0] = number;
  return out;
}

trust::LiveGrant published_by(std::initializer_list<std::uint8_t> agents) {
  trust::LiveGrant live;
  for (const std::uint8_t agent : agents) {
    trust::Publisher publisher;
    publisher.node.identity = key(agent);
    live.publishers.push_back(publisher);
  }
  return live;
}

std::uint8_t chosen(const trust::LiveGrant& live, std::optional<std::uint8_t> so_far,
                    const Silent& silent) {
  Right before;
  if (so_far) before.other.identity = key(*so_far);
  const auto right = right_of(live, Role::kDevice, key(99), so_far ? &before : nullptr, silent);
  return right ? right->other.identity.bytes[0] : std::uint8_t{0};
}

}  // namespace

TEST_CASE("rights: a grant covers its service and, with TLS, hosts below it") {
  const auto name = [](const char* text) { return *trust::Fqdn::parse(text); };
  auto api = trust::PolicyService::of(name("api.acme.example"), trust::Protocol::kTls, 443, {});
  const std::vector<trust::SiteRef> one{{name("acme.example"), {}}};
  CHECK(covers(api, name("api.acme.example"), one));
  CHECK(covers(api, name("a.api.acme.example"), one));
  CHECK(covers(api, name("b.a.api.acme.example"), one));
  CHECK_FALSE(covers(api, name("xapi.acme.example"), one));
  CHECK_FALSE(covers(api, name("db.acme.example"), one));
  CHECK_FALSE(covers(api, name("a.db.acme.example"), one));
  CHECK_FALSE(covers(api, name("acme.example"), one));
  CHECK_FALSE(covers(api, name("a.api.acme.example.org"), one));
  SECTION("raw TCP knows no hosts") {
    api.protocol = trust::protocol_label(trust::Protocol::kTcp);
    CHECK(covers(api, name("api.acme.example"), one));
    CHECK_FALSE(covers(api, name("a.api.acme.example"), one));
  }
  SECTION("a site below it keeps its names") {
    auto two = one;
    two.push_back({name("lab.api.acme.example"), {}});
    CHECK(covers(api, name("a.api.acme.example"), two));
    CHECK_FALSE(covers(api, name("lab.api.acme.example"), two));
    CHECK_FALSE(covers(api, name("a.lab.api.acme.example"), two));
    two.push_back({name("api.acme.example"), {}});
    CHECK(covers(api, name("api.acme.example"), two));
    CHECK_FALSE(covers(api, name("a.api.acme.example"), two));
  }
}

TEST_CASE("rights: of nested services the nearest answers for a name, of its grants the last") {
  SeededRng rng{5};
  Rights rights;
  const auto granted = [&](const char* service, std::int64_t ends) {
    Right right;
    right.live.service =
        trust::PolicyService::of(*trust::Fqdn::parse(service), trust::Protocol::kTls, 443, {});
    right.live.ends = WallTime{ends};
    rights.emplace(trust::GrantId::generate({}, rng), right);
  };
  const auto found = [&](const char* name) {
    const Right* right = right_to(rights, *trust::Fqdn::parse(name), {});
    return right == nullptr
               ? ""
               : right->live.service.name.str() + std::to_string(right->live.ends.seconds);
  };
  granted("api.acme.example", 9);
  granted("admin.api.acme.example", 3);
  granted("admin.api.acme.example", 4);
  CHECK(found("api.acme.example") == "api.acme.example9");
  CHECK(found("x.api.acme.example") == "api.acme.example9");
  CHECK(found("admin.api.acme.example") == "admin.api.acme.example4");
  CHECK(found("x.admin.api.acme.example") == "admin.api.acme.example4");
  CHECK(found("acme.example").empty());
}

TEST_CASE("rights: a laptop keeps its publisher, and leaves a silent one for another") {
  const Instant later{1'000'000'000};
  const auto all = published_by({1, 2, 3});
  CHECK(chosen(all, {}, {}) == 1);
  CHECK(chosen(all, 2, {}) == 2);
  CHECK(chosen(all, 1, {{key(1), later}}) == 2);
  CHECK(chosen(all, 2, {{key(1), later}, {key(2), later}}) == 3);
  CHECK(chosen(all, {}, {{key(1), later}}) == 2);
  SECTION("when all are silent, the one that was tried longest ago is next") {
    const Instant latest{2'000'000'000};
    CHECK(chosen(all, 2, {{key(1), later}, {key(2), latest}, {key(3), latest}}) == 1);
    CHECK(chosen(all, 1, {{key(1), latest}, {key(2), later}, {key(3), latest}}) == 2);
  }
  SECTION("when there is no better one, or it is alone, it stays") {
    CHECK(chosen(all, 2, {{key(1), later}, {key(2), later}, {key(3), later}}) == 2);
    CHECK(chosen(published_by({1}), 1, {{key(1), later}}) == 1);
  }
  SECTION("one that is published no more is left") { CHECK(chosen(published_by({3}), 1, {}) == 3); }
  SECTION("never itself") { CHECK(chosen(published_by({99}), {}, {}) == 0); }
}
