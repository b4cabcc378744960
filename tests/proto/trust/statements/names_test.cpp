#include "proto/trust/statements/names.hpp"

#include "proto/core/mesh_prefix.hpp"

#include <catch2/catch.hpp>
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using namespace culvert::trust;

TEST_CASE("names: one spelling each") {
  for (const char* good : {"a", "a-b", "0", "cluster-1"}) CHECK(Label::parse(good)->str() == good);
  for (const char* bad : {"", "-a", "a-", "A", "a_b", "a.b", "a b", "é"}) {
    CHECK_FALSE(Label::parse(bad));
  }
  CHECK(Label::parse(std::string(63, 'a')));
  CHECK_FALSE(Label::parse(std::string(64, 'a')));

  for (const char* good : {"a.b", "api.acme.us-east-1.byoc.example.com", "1.2.3.a4"}) {
    CHECK(Fqdn::parse(good)->str() == good);
  }
  for (const char* bad : {"", "a", "a.", ".a", "a..b", "A.b", "a.b.", "10.0.0.1", "a.1", "a b.c",
                          "*.a.b", "a/b.c", "[::1]"}) {
    CHECK_FALSE(Fqdn::parse(bad));
  }
  CHECK_FALSE(Fqdn::parse(std::string(250, 'a') + ".com"));
  const auto api = Fqdn::parse("api.acme.example").value();
  CHECK(api.label().str() == "api");
  CHECK(api.site()->str() == "acme.example");
  CHECK_FALSE(Fqdn::parse("a.b")->site());

  for (const char* good : {"alice@vendor.example", "a.b_c-d@x.y"}) {
    CHECK(Person::parse(good)->str() == good);
  }
  for (const char* bad : {"", "alice", "@x.y", "alice@", "alice@x", "Alice@x.y", "a+b@x.y",
                          "a b@x.y", "a@b@x.y", ".a@x.y", "a@x.y."}) {
    CHECK_FALSE(Person::parse(bad));
  }
}

TEST_CASE("names: hashes") {
  const std::string zero = "sha256:" + std::string(64, '0');
  CHECK(format_hash(parse_hash(zero)->view()) == zero);
  for (const auto& bad :
       {zero + "0", zero.substr(1), "sha256:" + std::string(64, 'F'), std::string(64, '0')}) {
    CHECK_FALSE(parse_hash(bad));
  }
}

TEST_CASE("names: grant ids are ULIDs") {
  // The example of the ULID specification and the ends of the range.
  for (const char* text : {"01ARZ3NDEKTSV4RRFFQ69G5FAV", "00000000000000000000000000",
                           "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01JD6Q0V5M3T9R8W2K7YB4XHNC"}) {
    const auto id = GrantId::parse(text);
    REQUIRE(id);
    CHECK(id->str() == text);
  }
  CHECK(to_hex(GrantId::parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")->bytes) == std::string(32, 'f'));
  CHECK(to_hex(GrantId::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV")->bytes) ==
        "01563e3ab5d3d6764c61efb99302bd5b");
  for (const char* bad : {"80000000000000000000000000", "01arz3ndektsv4rrffq69g5fav", "",
                          "01ARZ3NDEKTSV4RRFFQ69G5FA", "01ARZ3NDEKTSV4RRFFQ69G5FAI"}) {
    CHECK_FALSE(GrantId::parse(bad));
  }
  SeededRng rng(3);
  for (int i = 0; i < 200; ++i) {
    const auto id = GrantId::generate({1'795'273'200 + i}, rng);
    CHECK(GrantId::parse(id.str()) == id);
    CHECK(load_be<std::uint16_t>(id.bytes.data()) == (1'795'273'200'000ULL >> 32U));
  }
}

TEST_CASE("names: mesh addresses") {
  IdentityKey key;
  key.bytes.fill(7);
  const auto node = node_address(key);
  CHECK(format(node).substr(0, 15) == "fd63:756c:7665:");
  CHECK(is_mesh_address(node));
  CHECK_FALSE(is_mesh_address(parse_address("fd63:756c:7666::1").value()));
  const SiteId site{key.bytes};
  const auto api = Fqdn::parse("api.acme.example").value();
  const auto db = Fqdn::parse("db.acme.example").value();
  CHECK(service_address(site, api) != service_address(site, db));
  CHECK(service_address(site, api) != service_address({}, api));
  CHECK(is_mesh_address(service_address(site, api)));
}
