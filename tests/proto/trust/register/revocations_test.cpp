// Revocations: what they end, how long they are remembered, and whose share they use.
#include <catch2/catch.hpp>

#include "proto/trust/register/limits.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

note::Note end_device(World& w, const IdentityKey& device, const crypto::SigningKey& by) {
  return must(revoke_identity(Revokes::kDevice, device, w.vendor_id, {}, "stolen", w.now.wall,
                              Signer{"x", by}));
}
note::Note end_node(World& w, const crypto::SigningKey& by) {
  return must(revoke_identity(Revokes::kNode, w.agent.identity, w.vendor_id, w.site, "copied",
                              w.now.wall, Signer{"x", by}));
}

}  // namespace

TEST_CASE("revocations: one signer fills the own share alone, and nothing is forgotten for it") {
  World w;
  auto evidence = w.agent_evidence();
  must(evidence.offer(w.now, end_device(w, w.laptop.identity, w.admission)));
  for (std::size_t i = 0; i < kMaxRevocations; ++i) {
    must(evidence.offer(w.now, end_device(w, IdentityKey{w.rng.array<32>()}, w.carol)));
  }
  for (int i = 0; i < 8; ++i) {
    CHECK(refusal(evidence, end_device(w, IdentityKey{w.rng.array<32>()}, w.carol), w.now) ==
          ErrorCode::kExhausted);
  }
  // The revocation of an unknown grant is in the same share.
  auto unknown = must(Grant::parse(w.ask().text));
  const auto made_up =
      must(revoke_grant(unknown, w.vendor_id, "x", w.now.wall, Signer{"x", w.carol}));
  CHECK(refusal(evidence, made_up, w.now) == ErrorCode::kExhausted);
  // Other signers may still revoke, and earlier revocations remain.
  must(evidence.offer(w.now, end_device(w, IdentityKey{w.rng.array<32>()}, w.dave)));
  const auto grant = w.approved();
  CHECK(refusal(evidence, grant, w.now) == ErrorCode::kUnverified);
  must(evidence.offer(w.now, end_node(w, w.bob)));
  CHECK(evidence.publishers(w.now, w.policy.services[0].name).empty());
  CHECK(evidence.floors().revoked.size() == kMaxRevocations + 3);
  // Revocations that are over make room.
  w.pass(hours{24 * 32});
  evidence.advance(w.now);
  CHECK(evidence.floors().revoked.size() == 1);  // only the node's revocation
  must(evidence.offer(w.now, end_device(w, IdentityKey{w.rng.array<32>()}, w.carol)));
}

TEST_CASE("revocations: of devices act on devices only, of nodes on agents only, in any order") {
  World w;
  const auto wrong_device = end_device(w, w.agent.identity, w.carol);
  const auto wrong_node = must(revoke_identity(Revokes::kNode, w.laptop.identity, w.vendor_id,
                                               w.site, "x", w.now.wall, Signer{"x", w.bob}));
  const auto real_device = end_device(w, w.laptop.identity, w.carol);
  const auto real_node = end_node(w, w.bob);
  for (const bool first : {true, false}) {
    Evidence evidence({{}, to_hash(w.vendor_id), false}, {});
    std::vector<note::Note> notes = {w.vendor1_note, w.vendor2_note, w.site_note, w.site1_note};
    if (first) notes.insert(notes.end(), {wrong_device, wrong_node});
    for (const auto& note : notes) must(evidence.offer(w.now, note));
    (void)evidence.offer_all(w.now, w.everything());
    if (!first) (void)evidence.offer_all(w.now, std::vector{wrong_device, wrong_node});
    CHECK(evidence.node(w.now, w.agent.identity) != nullptr);
    CHECK(evidence.node(w.now, w.laptop.identity) != nullptr);
    must(evidence.offer(w.now, real_device));
    must(evidence.offer(w.now, real_node));
    CHECK(evidence.node(w.now, w.agent.identity) == nullptr);
    CHECK(evidence.node(w.now, w.laptop.identity) == nullptr);
  }
}

TEST_CASE("revocations: remembered for as long as what they end could come again") {
  World w;
  auto evidence = w.agent_evidence();
  const auto until = [&](Revokes what, const IdentityKey& key, const SiteId& site) {
    const auto floors = evidence.floors();
    const auto found = floors.revoked.find({what, key.bytes, site});
    REQUIRE(found != floors.revoked.end());
    return found->second.until;
  };
  must(evidence.offer(w.now, end_device(w, w.laptop.identity, w.carol)));
  CHECK(until(Revokes::kDevice, w.laptop.identity, {}) == w.now.wall + hours{24 * 31});
  must(evidence.offer(w.now, end_node(w, w.bob)));
  CHECK(until(Revokes::kNode, w.agent.identity, w.site.id) ==
        w.enrolment.renew_until + hours{24 * 31});
  const IdentityKey unknown{w.rng.array<32>()};
  must(evidence.offer(w.now, must(revoke_identity(Revokes::kNode, unknown, w.vendor_id, w.site, "x",
                                                  w.now.wall, Signer{"x", w.bob}))));
  CHECK(until(Revokes::kNode, unknown, w.site.id) == w.now.wall + hours{24 * 431});
}

TEST_CASE("revocations: of an enrolment end the token and all that it enrolled") {
  World w;
  const auto note = must(revoke_enrolment(note::hash(w.enrolment_note), w.vendor_id, w.site,
                                          "leaked", w.now.wall, Signer{"x", w.enroller}));
  auto evidence = w.laptop_evidence();
  auto by_other = note;
  by_other.signatures = {note::sign(note.text, "x", w.carol)};
  CHECK(refusal(evidence, by_other, w.now) == ErrorCode::kUnverified);
  CHECK(evidence.publishers(w.now, w.policy.services[0].name).size() == 1);
  must(evidence.offer(w.now, note));
  CHECK(evidence.node(w.now, w.agent.identity) == nullptr);
  CHECK(evidence.publishers(w.now, w.policy.services[0].name).empty());
  // The revocation also ends statements that come after it or after a restart.
  Evidence again({{}, to_hash(w.vendor_id), false}, evidence.floors());
  (void)again.offer_all(w.now, w.everything());
  CHECK(again.node(w.now, w.agent.identity) == nullptr);
  const auto thief = crypto::SigningKey::generate(w.rng);
  auto node = w.agent;
  node.identity = thief.public_key();
  node.wireguard = x25519<crypto::WireGuardKey>(w.rng);
  const std::vector<Signer> by = {{"thief", thief}, {"x", w.one_time}};
  CHECK(refusal(again, must(sign_statement(node, by)), w.now) == ErrorCode::kUnverified);
}

TEST_CASE("revocations: a carrier that lost them gets them back from any node") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  const auto none = evidence.revocations(w.site.id);
  CHECK(none.number == 0);
  must(evidence.offer(w.now, must(revoke_grant(must(Grant::parse(grant.text)), w.vendor_id, "x",
                                               w.now.wall, Signer{"x", w.bob}))));
  must(evidence.offer(w.now, end_device(w, w.laptop.identity, w.carol)));
  must(evidence.offer(w.now, must(suspend_key({to_hash(w.site.id)}, w.vendor_id, "x", w.now.wall,
                                              Signer{"x", w.dave}))));
  const auto mark = evidence.revocations(w.site.id);
  CHECK(mark.number == 3);
  CHECK(mark.hash != none.hash);
  // A site's own revocations stay with that site.
  CHECK(evidence.revocations(SiteId{}).number == 2);

  auto restored = w.observer_evidence();  // restored from an old copy
  CHECK(restored.revocations(w.site.id) == none);
  for (const auto& note : evidence.revocation_notes(w.site.id)) must(restored.offer(w.now, note));
  CHECK(restored.revocations(w.site.id) == mark);
  CHECK(refusal(restored, grant, w.now) == ErrorCode::kStale);

  // The notes of revocations are restored with the other notes.
  Evidence again({note::hash(w.site1_note), {}, false}, evidence.floors());
  (void)again.offer_all(w.now, evidence.notes());
  CHECK(again.revocations(w.site.id) == mark);
  CHECK(again.floors().revoked == evidence.floors().revoked);
}

TEST_CASE("places: the highest serial of a directory key counts, also after a restart") {
  World w;
  auto evidence = w.agent_evidence();
  const auto old = w.places_note;
  w.places.serial = 2;
  w.places.coordinators[0].url = "https://other.vendor.example:7443";
  const auto by = [&](const crypto::SigningKey& key) {
    return must(sign_statement(w.places, Signer{"x", key}));
  };
  CHECK(refusal(evidence, by(w.lease), w.now) == ErrorCode::kUnverified);
  CHECK(refusal(evidence, by(w.admission), w.now) == ErrorCode::kUnverified);
  must(evidence.offer(w.now, by(w.directory)));
  CHECK(evidence.places()->coordinators[0].url == "https://other.vendor.example:7443");
  CHECK(refusal(evidence, old, w.now) == ErrorCode::kStale);
  w.places.relays.clear();
  w.places.issued = w.places.issued + seconds{1};
  CHECK(refusal(evidence, by(w.directory), w.now) == ErrorCode::kConflict);
  Evidence again({note::hash(w.site1_note), {}, false}, evidence.floors());
  (void)again.offer_all(w.now, w.everything());
  CHECK(again.places() == nullptr);
  // The list of addresses counts after its expiry.
  w.pass(hours{24 * 400});
  CHECK(evidence.places() != nullptr);
}

TEST_CASE("domains: whoever has a domain of the site that is not shared is the customer's") {
  World w;
  auto root = w.site1;
  CHECK(root.customers_person(person("anybody@acme.example")));
  CHECK_FALSE(root.customers_person(person("anybody@sub.acme.example")));
  CHECK_FALSE(root.customers_person(person("alice@vendor.example")));
  root.domains.push_back({fqdn("mail.example"), true});
  CHECK_FALSE(root.customers_person(person("anybody@mail.example")));
  CHECK_FALSE(w.vendor1.customers_person(person("alice@vendor.example")));  // not a site's root
}

TEST_CASE(
    "revocations: a customer's keys share what concerns their site, the vendor's have another") {
  World w;
  auto evidence = w.agent_evidence();
  const auto made_up = [&](const crypto::SigningKey& by) {
    auto grant = must(Grant::parse(w.ask().text));
    grant.id = GrantId::generate(w.now.wall, w.rng);
    return must(revoke_grant(grant, w.vendor_id, "x", w.now.wall, Signer{"x", by}));
  };
  for (std::size_t i = 0; i < kMaxRevocations; ++i) {
    must(evidence.offer(w.now, made_up(w.bob)));
    must(evidence.offer(w.now, made_up(w.erin)));
  }
  CHECK(refusal(evidence, made_up(w.bob), w.now) == ErrorCode::kExhausted);
  // Every revoked grant has a tombstone, and a new request is still accepted.
  CHECK(evidence.floors().tombstones.size() == kMaxRevocationsAtSite);
  must(evidence.offer(w.now, w.ask()));
  must(evidence.offer(w.now, made_up(w.carol)));
  // After a restart the share is as full as before.
  Evidence again({note::hash(w.site1_note), {}, false}, evidence.floors());
  CHECK(again.floors().revoked.size() == kMaxRevocationsAtSite + 1);
  // The tombstone of an expired grant stays for a day, and so does the place in the share.
  const auto ends = must(Grant::parse(w.ask().text)).not_after;
  w.pass(ends - w.now.wall + hours{23});
  evidence.advance(w.now);
  CHECK(evidence.floors().revoked.size() == kMaxRevocationsAtSite + 1);
  w.pass(hours{2});
  evidence.advance(w.now);
  CHECK(evidence.floors().revoked.empty());
}

TEST_CASE("revocations: grants that ended by themselves take nothing of their site's share") {
  World w;
  auto evidence = w.observer_evidence();
  std::size_t ended = 0;
  for (int day = 0; day < 30; ++day) {
    for (std::size_t i = 0; i < 24; ++i, ++ended) must(evidence.offer(w.now, w.ask()));
    w.pass(hours{24});
    ++w.laptop.serial;
    w.laptop.issued = w.now.wall;
    w.laptop.expires = w.now.wall + hours{24};
    must(evidence.offer(w.now, w.sign_laptop(w.laptop)));
  }
  CHECK(ended == 720);
  CHECK(evidence.floors().revoked.empty());
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  must(evidence.offer(w.now, must(revoke_grant(must(Grant::parse(grant.text)), w.vendor_id, "x",
                                               w.now.wall, Signer{"x", w.bob}))));
}
