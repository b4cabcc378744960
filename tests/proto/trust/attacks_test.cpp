// The attacks of docs/threat-model.md that use statements only.
#include <catch2/catch.hpp>

#include "tests/support/seeded_rng.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

note::Note signed_grant(const Grant& grant, std::initializer_list<const crypto::SigningKey*> keys) {
  std::vector<Signer> by;
  for (const auto* key : keys) by.push_back({"x", *key});
  return must(sign_statement(grant, by));
}

}  // namespace

// The coordinator's own keys are lease and ticket keys. It also sees and reorders every note.
TEST_CASE("attack: coordinator taken over: adds no node, forges no request") {
  World w;
  auto agent = w.agent_evidence();
  const auto own = crypto::SigningKey::generate(w.rng);
  Node device = w.laptop;
  device.identity = own.public_key();
  device.wireguard = x25519<crypto::WireGuardKey>(w.rng);
  for (const auto* key : {&w.lease, &w.ticket}) {
    const std::vector<Signer> by = {{"x", own}, {"x", *key}};
    CHECK(refusal(agent, must(sign_statement(device, by)), w.now) == ErrorCode::kUnverified);
  }
  auto grant = must(Grant::parse(w.ask().text));
  for (const crypto::SigningKey* key :
       std::initializer_list<const crypto::SigningKey*>{&w.lease, &w.ticket, &own}) {
    CHECK(refusal(agent, signed_grant(grant, {key, &w.bob, &w.carol}), w.now) ==
          ErrorCode::kUnverified);
  }
}

TEST_CASE("attack: coordinator taken over: widens no grant") {
  World w;
  auto agent = w.agent_evidence();
  const auto good = w.approved();
  const auto text = good.text;
  const std::string api = w.policy.services[0].name.str();
  const std::string db = w.policy.services[1].name.str();
  for (const auto& wider :
       {replaced(replaced(text, "not-after: 2026-11-21T19:15", "not-after: 2026-11-21T19:25"),
                 "duration: 900s", "duration: 1500s"),
        replaced(text, "service: " + api, "service: " + db),
        replaced(text, w.laptop.identity.hex(), w.agent.identity.hex()),
        replaced(replaced(text, "claim-by: 2026-11-21T19:00:00", "claim-by: 2026-11-21T19:10:00"),
                 "not-after: 2026-11-21T19:15:00", "not-after: 2026-11-21T19:25:00"),
        replaced(text, "reason: INC-123", "reason: INC-124")}) {
    auto forged = good;
    forged.text = wider;
    CHECK(refusal(agent, forged, w.now) == ErrorCode::kUnverified);
  }
  // Signatures of one grant under the text of another grant.
  auto swapped = w.ask();
  const auto id = id_of(swapped);
  swapped.signatures.push_back(good.signatures[1]);
  swapped.signatures.push_back(good.signatures[2]);
  CHECK(refusal(agent, swapped, w.now) == ErrorCode::kUnverified);
  CHECK_FALSE(is_live(agent, id, w.now));
}

TEST_CASE("attack: coordinator taken over: replays no old root, policy or node") {
  World w;
  const auto old_policy = w.policy_note;
  const auto old_laptop = w.laptop_note;
  auto agent = w.agent_evidence();
  const auto root2 = w.step(
      w.site1, w.site1_note,
      [&](Root& root) {
        std::erase_if(root.keys, [&](const RootKey& k) { return k.key == w.erin.public_key(); });
      },
      {&w.site_root});
  must(agent.offer(w.now, root2));
  must(agent.offer(w.now, w.next_policy([](Policy& p) { p.allows[0].customer = 1; })));
  w.laptop.serial = 2;
  w.laptop.groups = {};
  must(agent.offer(w.now, w.sign_laptop(w.laptop)));
  CHECK(refusal(agent, old_policy, w.now) == ErrorCode::kStale);
  CHECK(refusal(agent, old_laptop, w.now) == ErrorCode::kStale);

  // After a restart only the floors are left. All old notes are offered first, without new notes.
  Evidence again({note::hash(w.site1_note), {}, false}, agent.floors());
  (void)again.offer_all(w.now, w.everything());
  CHECK(again.site_root(w.site.id) == nullptr);
  const auto grant = w.approve(w.approve(w.ask(), w.erin), w.carol);
  CHECK(refusal(again, grant, w.now) == ErrorCode::kUnverified);
  must(again.offer(w.now, root2));
  CHECK(again.site_root(w.site.id)->epoch == 2);
  CHECK(refusal(again, old_policy, w.now) == ErrorCode::kStale);
  CHECK(again.policy(w.site.id) == nullptr);
  CHECK(refusal(again, old_laptop, w.now) == ErrorCode::kStale);
  must(again.offer(w.now, w.policy_note));
  CHECK(again.policy(w.site.id)->serial == 2);
}

TEST_CASE("attack: coordinator taken over: substitutes no key") {
  World w;
  auto laptop = w.laptop_evidence();
  // A fake agent with the real agent's name and tags; then fake keys in the real agent's statement.
  auto fake = w.agent;
  fake.wireguard = x25519<crypto::WireGuardKey>(w.rng);
  fake.serial = 9;
  auto forged = w.agent_note;
  forged.text = fake.render();
  CHECK(refusal(laptop, forged, w.now) == ErrorCode::kUnverified);
  const auto own = crypto::SigningKey::generate(w.rng);
  fake.identity = own.public_key();
  const std::vector<Signer> by = {{"x", own}, {"x", w.lease}, {"x", w.ticket}};
  CHECK(refusal(laptop, must(sign_statement(fake, by)), w.now) == ErrorCode::kUnverified);
  auto service = w.service;
  service.node = own.public_key();
  CHECK(refusal(laptop, must(sign_statement(service, Signer{"x", own})), w.now) ==
        ErrorCode::kUnverified);
  CHECK(laptop.publishers(w.now, w.policy.services[0].name).size() == 1);
}

TEST_CASE("attack: coordinator taken over: two sites of one name are not confused") {
  World real(1);
  World fake(2);  // same names, other keys; the fake root names the real vendor's id
  auto root = fake.site1;
  root.vendor_id = real.vendor_id;
  const auto root_note = must(sign_statement(root, Signer{"x", fake.site_root}));
  const SiteRef site{root.name, to_site_id(note::hash(root_note))};
  auto policy = fake.policy;
  policy.site = site;
  const auto policy_note = must(sign_statement(policy, Signer{"x", fake.site_root}));
  for (const bool first : {true, false}) {
    auto laptop =
        first ? Evidence({{}, to_hash(real.vendor_id), false}, {}) : real.laptop_evidence();
    must(laptop.offer(real.now, real.vendor1_note));
    must(laptop.offer(real.now, real.vendor2_note));
    CHECK(refusal(laptop, root_note, real.now) == ErrorCode::kUnverified);
    CHECK(refusal(laptop, policy_note, real.now) == ErrorCode::kUnverified);
    const auto listed =
        must(sign_statement(Site{real.vendor_id, site, kStart}, Signer{"x", real.lease}));
    CHECK(refusal(laptop, listed, real.now) == ErrorCode::kUnverified);
  }
  // Even the directory key cannot give a known name to another site, also after a restart.
  auto laptop = real.laptop_evidence();
  const auto moved =
      must(sign_statement(Site{real.vendor_id, site, kStart}, Signer{"x", real.directory}));
  CHECK(refusal(laptop, moved, real.now) == ErrorCode::kConflict);
  Evidence again({{}, to_hash(real.vendor_id), false}, laptop.floors());
  must(again.offer(real.now, real.vendor1_note));
  must(again.offer(real.now, real.vendor2_note));
  CHECK(refusal(again, moved, real.now) == ErrorCode::kConflict);
  // An agent believes only its pin.
  auto agent = real.agent_evidence();
  CHECK(refusal(agent, root_note, real.now) == ErrorCode::kUnverified);
  CHECK(refusal(agent, policy_note, real.now) == ErrorCode::kUnverified);
}

TEST_CASE("attack: a lying directory takes no agent's site away") {
  World w;
  Evidence agent({note::hash(w.site1_note), {}, false}, {});
  auto lie = Site{w.vendor_id, w.site, kStart};
  lie.site.name = fqdn("elsewhere.example.com");
  const auto note = must(sign_statement(lie, Signer{"x", w.directory}));
  (void)agent.offer_all(w.now, std::vector{w.vendor1_note, w.vendor2_note, note, w.site1_note});
  for (const auto& change : agent.offer_all(w.now, w.everything())) {
    if (!change) CHECK(change.error().code == ErrorCode::kConflict);
  }
  CHECK(agent.site_root(w.site.id) != nullptr);
  const auto grant = w.approved();
  must(agent.offer(w.now, grant));
  CHECK(is_live(agent, id_of(grant), w.now));
}

TEST_CASE("attack: a site's statement counts for no other site") {
  World w;
  World other(5);
  auto root = other.site1;
  root.name = fqdn("other.us-east-1.byoc.example.com");
  root.vendor_id = w.vendor_id;
  const auto root_note = must(sign_statement(root, Signer{"x", other.site_root}));
  const SiteRef site{root.name, to_site_id(note::hash(root_note))};
  auto laptop = w.laptop_evidence();
  must(laptop.offer(
      w.now, must(sign_statement(Site{w.vendor_id, site, kStart}, Signer{"x", w.directory}))));
  must(laptop.offer(w.now, root_note));
  CHECK(laptop.sites().size() == 2);
  // The other customer's keys count only for the other customer's site.
  auto policy = w.policy;
  policy.serial = 2;
  policy.previous = note::hash(w.policy_note);
  CHECK(refusal(laptop, must(sign_statement(policy, Signer{"x", other.site_root})), w.now) ==
        ErrorCode::kUnverified);
  const auto grant = w.approve(w.approve(w.ask(), w.carol), other.bob);
  must(laptop.offer(w.now, grant));
  CHECK_FALSE(is_live(laptop, id_of(grant), w.now));
  const auto ended = must(revoke_grant(must(Grant::parse(grant.text)), w.vendor_id, "x", w.now.wall,
                                       Signer{"x", other.bob}));
  CHECK(refusal(laptop, ended, w.now) == ErrorCode::kUnverified);
}

TEST_CASE("attack: vendor root taken over: opens nothing without the customer") {
  World w;
  auto agent = w.agent_evidence();
  const auto eve = crypto::SigningKey::generate(w.rng);
  SECTION("new approvers and devices of its own") {
    const auto next = w.step(
        w.vendor2, w.vendor2_note,
        [&](Root& root) {
          root.keys.push_back({Group::kApprovers, person("eve@vendor.example"), eve.public_key()});
        },
        {&w.vendor_root});
    must(agent.offer(w.now, next));
    const auto grant = w.approve(w.approve(w.approve(w.ask(), eve), w.carol), w.dave);
    must(agent.offer(w.now, grant));
    CHECK_FALSE(is_live(agent, id_of(grant), w.now));
  }
  SECTION("the customer's key or person among its own approvers") {
    const auto grant = w.approve(w.ask(), w.bob);
    must(agent.offer(w.now, grant));
    const auto next = w.step(
        w.vendor2, w.vendor2_note,
        [&](Root& root) {
          root.domains = {{fqdn("acme.example"), false}, {fqdn("vendor.example"), false}};
          root.keys.push_back(
              {Group::kApprovers, person("fred@vendor.example"), w.bob.public_key()});
          root.keys.push_back({Group::kApprovers, person("erin@acme.example"), eve.public_key()});
        },
        {&w.vendor_root});
    must(agent.offer(w.now, next));
    CHECK_FALSE(is_live(agent, id_of(grant), w.now));
    must(agent.offer(w.now, w.approve(grant, eve)));
    CHECK_FALSE(is_live(agent, id_of(grant), w.now));
    CHECK(agent.state(w.now, id_of(grant)).vendor.empty());
  }
  SECTION("another genesis") {
    auto other = w.vendor1;
    other.keys[0].key = eve.public_key();
    CHECK(refusal(agent, must(sign_statement(other, Signer{"x", eve})), w.now) ==
          ErrorCode::kUnverified);
  }
  SECTION("it signs the site's documents") {
    auto policy = w.policy;
    policy.serial = 2;
    policy.previous = note::hash(w.policy_note);
    policy.allows[0].customer = 0;
    CHECK(refusal(agent, must(sign_statement(policy, Signer{"x", w.vendor_root})), w.now) ==
          ErrorCode::kUnverified);
    const auto root =
        w.step(w.site1, w.site1_note, [](Root& r) { r.vendor_approvals = 0; }, {&w.vendor_root});
    CHECK(refusal(agent, root, w.now) == ErrorCode::kUnverified);
  }
}

TEST_CASE("attack: rogue approver: no threshold alone") {
  World w;
  const auto second = crypto::SigningKey::generate(w.rng);
  const auto third = crypto::SigningKey::generate(w.rng);
  // bob has two approver keys, and carol is listed on both sides.
  w.site1.approver_threshold = 2;
  w.site1.domains = {{fqdn("acme.example"), false}, {fqdn("vendor.example"), true}};
  w.site1.keys.push_back({Group::kApprovers, person("bob@acme.example"), second.public_key()});
  w.site1.keys.push_back({Group::kApprovers, person("carol@vendor.example"), third.public_key()});
  std::sort(w.site1.keys.begin(), w.site1.keys.end());
  w.site1_note = must(sign_statement(w.site1, Signer{"x", w.site_root}));
  w.site.id = to_site_id(note::hash(w.site1_note));
  w.policy.site = w.site;
  w.policy_note = must(sign_statement(w.policy, Signer{"x", w.site_root}));
  Evidence agent({note::hash(w.site1_note), {}, false}, {});
  for (const auto& note :
       {w.site1_note, w.vendor1_note, w.vendor2_note, w.policy_note, w.laptop_note}) {
    must(agent.offer(w.now, note));
  }
  SECTION("two keys of one person are one person") {
    const auto grant = w.approve(w.approve(w.approve(w.ask(), w.bob), second), w.dave);
    must(agent.offer(w.now, grant));
    CHECK(agent.state(w.now, id_of(grant)).customer.size() == 1);
    CHECK_FALSE(is_live(agent, id_of(grant), w.now));
  }
  SECTION("one key under two names is refused") {
    auto grant = w.approve(w.approve(w.ask(), w.bob, "bob"), w.carol);
    grant.signatures.push_back(note::sign(grant.text, "erin@acme.example", w.bob));
    CHECK(refusal(agent, grant, w.now) == ErrorCode::kUnverified);
  }
  SECTION("one person on both sides counts on one") {
    const auto grant = w.approve(w.approve(w.approve(w.ask(), w.bob), third), w.carol);
    must(agent.offer(w.now, grant));
    const auto state = agent.state(w.now, id_of(grant));
    CHECK(state.customer.size() == 2);
    CHECK(state.vendor.empty());
    CHECK_FALSE(is_live(agent, id_of(grant), w.now));
    must(agent.offer(w.now, w.approve(grant, w.dave)));
    CHECK(is_live(agent, id_of(grant), w.now));
  }
}

TEST_CASE("attack: rogue approver: the requester never counts, by any key") {
  World w;
  w.laptop.person = person("carol@vendor.example");  // carol requests, and is also an approver
  w.laptop_note = w.sign_laptop(w.laptop);
  auto agent = w.agent_evidence();
  const auto grant = w.approve(w.approve(w.ask(), w.carol), w.bob);
  must(agent.offer(w.now, grant));
  CHECK(agent.state(w.now, id_of(grant)).vendor.empty());
  CHECK_FALSE(is_live(agent, id_of(grant), w.now));
  must(agent.offer(w.now, w.approve(grant, w.dave)));
  CHECK(is_live(agent, id_of(grant), w.now));
}

TEST_CASE("attack: a key that stands in a root is no node's identity") {
  World w;
  auto evidence = w.laptop_evidence();
  auto device = w.laptop;
  device.identity = w.bob.public_key();
  device.wireguard = x25519<crypto::WireGuardKey>(w.rng);
  const std::vector<Signer> by = {{"x", w.bob}, {"x", w.admission}};
  CHECK(refusal(evidence, must(sign_statement(device, by)), w.now) == ErrorCode::kConflict);
}

TEST_CASE("attack: a WireGuard key is not taken over by a second identity, also after a restart") {
  World w;
  auto evidence = w.agent_evidence();
  const auto eve = crypto::SigningKey::generate(w.rng);
  auto device = w.laptop;
  device.identity = eve.public_key();
  device.name = label("eve-laptop");
  const std::vector<Signer> by = {{"eve", eve}, {"x", w.admission}};
  const auto claim = must(sign_statement(device, by));
  CHECK(refusal(evidence, claim, w.now) == ErrorCode::kConflict);
  Evidence again({note::hash(w.site1_note), {}, false}, evidence.floors());
  for (const auto& note : {w.site1_note, w.vendor1_note, w.vendor2_note})
    must(again.offer(w.now, note));
  CHECK(refusal(again, claim, w.now) == ErrorCode::kConflict);
}

TEST_CASE("attack: junk never displaces what is valid, and never crashes") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  SeededRng rng(99);
  auto notes = w.everything();
  notes.push_back(grant);
  for (int i = 0; i < 2000; ++i) {
    auto bytes = note::render(notes[rng.below(notes.size())]);
    for (std::uint64_t k = 0; k <= rng.below(3); ++k) {
      bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    }
    (void)evidence.offer(w.now, std::string_view(bytes));
  }
  CHECK(is_live(evidence, id_of(grant), w.now));
  CHECK_FALSE(evidence.forked());
}

TEST_CASE("attack: a text that nobody has signed contradicts nothing") {
  World w;
  auto evidence = w.agent_evidence();
  const auto note = w.approved();
  must(evidence.offer(w.now, note));
  const auto before = evidence.alarms_raised();
  const auto grant = must(Grant::parse(note.text));
  for (int i = 0; i < 1000; ++i) {
    auto lie = grant;
    lie.reason = "lie " + std::to_string(i);
    CHECK(refusal(evidence, {lie.render(), note.signatures}, w.now) == ErrorCode::kUnverified);
  }
  const auto signer = Signer{"bob@acme.example", w.bob};
  auto other_end = grant;
  other_end.not_after = grant.not_after + std::chrono::seconds(60);
  other_end.claim_by = grant.claim_by + std::chrono::seconds(60);
  const auto end = must(revoke_grant(other_end, w.vendor_id, "over", w.now.wall, signer));
  CHECK(refusal(evidence, {end.text, {}}, w.now) == ErrorCode::kUnverified);
  CHECK(evidence.alarms_raised() == before);

  // A second signed text is a conflict: one alarm, however often the text comes.
  auto second = grant;
  second.reason = "another";
  const auto rival = must(sign_statement(second, Signer{"laptop", w.laptop_key}));
  for (int i = 0; i < 100; ++i) {
    CHECK(refusal(evidence, rival, w.now) == ErrorCode::kConflict);
    CHECK(refusal(evidence, end, w.now) == ErrorCode::kConflict);
  }
  CHECK(evidence.alarms_raised() == before + 2);
  CHECK(evidence.alarms().back().kind == AlarmKind::kConflict);
  CHECK(evidence.alarms().back().site == w.site.id);
}
