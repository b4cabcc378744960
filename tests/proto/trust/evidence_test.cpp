#include <catch2/catch.hpp>

#include "tests/support/seeded_rng.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("evidence: the main story, seen by the agent and by the laptop") {
  World w;
  auto agent = w.agent_evidence();
  auto laptop = w.laptop_evidence();
  for (auto* side : {&agent, &laptop}) {
    const auto grant = w.approved(minutes{15});
    const auto id = id_of(grant);
    CHECK(side->live(w.now).empty());
    REQUIRE(must(side->offer(w.now, grant)).kind == ChangeKind::kGrant);
    const auto live = side->live(w.now);
    REQUIRE(live.size() == 1);
    CHECK(live[0].grant.id == id);
    CHECK(live[0].device == w.laptop);
    CHECK(live[0].service == w.policy.services[0]);
    REQUIRE(live[0].publishers.size() == 1);
    CHECK(live[0].publishers[0].node == w.agent);
    CHECK(live[0].publishers[0].service == w.service);
    // Before the claim the end is the latest end. From its claim the grant has its duration.
    CHECK(live[0].ends == w.now.wall + kDefaultClaim + minutes{15});
    CHECK(live[0].ends_steady == w.now.steady + kDefaultClaim + minutes{15});
    CHECK(live[0].lease == seconds{30});
    CHECK(live[0].needs_lease);
    CHECK(side->state(w.now, id).phase == RequestPhase::kApproved);
    side->claim(w.now, id);
    CHECK(side->state(w.now, id).phase == RequestPhase::kActive);
    CHECK(side->live(w.now)[0].ends == w.now.wall + minutes{15});
    CHECK(side->live(w.now)[0].ends_steady == w.now.steady + minutes{15});
    CHECK(must(side->offer(w.now, grant)).kind == ChangeKind::kNone);
    // The grant ends by time alone, at the announced moment, and stays ended.
    const auto wake = side->next_change(w.now);
    CHECK(wake == w.now.steady + minutes{15} - seconds{1});
    const auto before = w.now;
    w.pass(minutes{15});
    side->advance(w.now);
    CHECK(side->live(w.now).empty());
    CHECK(side->state(w.now, id).phase == RequestPhase::kCompleted);
    CHECK(refusal(*side, grant, w.now) == ErrorCode::kStale);
    w.now = before;
  }
}

TEST_CASE("evidence: approvals arrive one by one, in any order, and merge") {
  World w;
  auto evidence = w.observer_evidence();
  const auto asked = w.ask();
  const auto id = id_of(asked);
  CHECK(evidence.check_request(w.now, asked));
  must(evidence.offer(w.now, asked));
  auto state = evidence.state(w.now, id);
  CHECK(state.phase == RequestPhase::kPending);
  CHECK(state.vendor_missing == 1);
  CHECK(state.customer_missing == 1);
  CHECK(must(evidence.offer(w.now, w.approve(asked, w.bob))).kind == ChangeKind::kGrant);
  state = evidence.state(w.now, id);
  CHECK(state.phase == RequestPhase::kPending);
  CHECK(state.customer == std::vector{person("bob@acme.example")});
  CHECK(state.customer_missing == 0);
  CHECK(must(evidence.offer(w.now, asked)).kind == ChangeKind::kNone);
  CHECK(must(evidence.offer(w.now, w.approve(asked, w.carol))).kind == ChangeKind::kGrant);
  state = evidence.state(w.now, id);
  CHECK(state.phase == RequestPhase::kApproved);
  CHECK(state.vendor == std::vector{person("carol@vendor.example")});
  CHECK(evidence.grant_note(id)->signatures.size() == 3);
  CHECK(is_live(evidence, id, w.now));
}

TEST_CASE("evidence: notes in any order, and what carriers pass on is enough") {
  World w;
  const auto grant = w.approved();
  auto full = w.observer_evidence();
  must(full.offer(w.now, grant));
  for (auto notes : {full.supporting_notes(id_of(grant)), full.notes()}) {
    for (int round = 0; round < 2; ++round) {
      Evidence agent({note::hash(w.site1_note), {}, false}, {});
      Evidence laptop({{}, to_hash(w.vendor_id), false}, {});
      for (const auto& result : agent.offer_all(w.now, notes)) CHECK(result);
      for (const auto& result : laptop.offer_all(w.now, notes)) CHECK(result);
      CHECK(is_live(agent, id_of(grant), w.now));
      CHECK(is_live(laptop, id_of(grant), w.now));
      CHECK(laptop.publishers(w.now, w.policy.services[0].name).size() == 1);
      std::reverse(notes.begin(), notes.end());
    }
  }
  Evidence nobody({}, {});
  for (const auto& result : nobody.offer_all(w.now, full.notes())) CHECK_FALSE(result);
}

TEST_CASE("evidence: queries") {
  World w;
  const auto evidence = w.laptop_evidence();
  CHECK(evidence.vendor_root()->epoch == 2);
  CHECK(evidence.places()->coordinators.size() == 1);
  CHECK(evidence.vendor_id() == w.vendor_id);
  CHECK(evidence.site_root(w.site.id)->epoch == 1);
  CHECK(evidence.site(w.site.name) == w.site);
  CHECK_FALSE(evidence.site(fqdn("other.example.com")));
  CHECK(evidence.sites() == std::vector{w.site});
  CHECK(evidence.policy(w.site.id)->serial == 1);
  CHECK(evidence.policy_hash(w.site.id) == note::hash(w.policy_note));
  CHECK(*evidence.node(w.now, w.agent.identity) == w.agent);
  CHECK(*evidence.node(w.now, w.laptop.identity) == w.laptop);
  CHECK(evidence.nodes(w.now).size() == 2);
  CHECK(evidence.chain_notes().size() == 3);
  CHECK(evidence.chain_notes(w.site.id).size() == 3);
}

TEST_CASE("evidence: a root is walked epoch by epoch, with the thresholds of both") {
  World w;
  Evidence evidence({{}, to_hash(w.vendor_id), false}, {});
  CHECK(refusal(evidence, w.vendor2_note, w.now) == ErrorCode::kUnverified);  // epoch 1 is missing
  must(evidence.offer(w.now, w.vendor1_note));
  const auto other = crypto::SigningKey::generate(w.rng);
  const auto swap_root_key = [&](Root& root) {
    std::erase_if(root.keys, [](const RootKey& k) { return k.group == Group::kRoot; });
    root.keys.push_back({Group::kRoot, person("new@vendor.example"), other.public_key()});
  };
  // Signed by the old key only, by the new key only, then by both.
  CHECK(refusal(evidence, w.step(w.vendor1, w.vendor1_note, swap_root_key, {&w.vendor_root}),
                w.now) == ErrorCode::kUnverified);
  CHECK(refusal(evidence, w.step(w.vendor1, w.vendor1_note, swap_root_key, {&other}), w.now) ==
        ErrorCode::kUnverified);
  CHECK(refusal(evidence, w.step(w.vendor1, w.vendor1_note, [](Root&) {}, {&w.carol}), w.now) ==
        ErrorCode::kUnverified);
  const auto skipped =
      w.step(w.vendor1, w.vendor1_note, [](Root& r) { r.epoch = 3; }, {&w.vendor_root});
  CHECK(refusal(evidence, skipped, w.now) == ErrorCode::kUnverified);
  const auto wrong_previous =
      w.step(w.vendor1, w.vendor1_note, [&](Root& r) { r.previous = to_hash(w.site.id); },
             {&w.vendor_root});
  CHECK(refusal(evidence, wrong_previous, w.now) == ErrorCode::kUnverified);
  const auto renamed = w.step(w.vendor1, w.vendor1_note,
                              [&](Root& r) { r.name = fqdn("other.example"); }, {&w.vendor_root});
  CHECK(refusal(evidence, renamed, w.now) == ErrorCode::kUnverified);
  CHECK_FALSE(evidence.forked());
  const auto both = w.step(w.vendor1, w.vendor1_note, swap_root_key, {&w.vendor_root, &other});
  CHECK(must(evidence.offer(w.now, both)).kind == ChangeKind::kVendorRoot);
  CHECK(evidence.vendor_root()->epoch == 2);
  CHECK(must(evidence.offer(w.now, w.vendor1_note)).kind == ChangeKind::kNone);
}

TEST_CASE("evidence: two texts for one epoch: the current one stays, alarm, no new grants") {
  World w;
  auto evidence = w.agent_evidence();
  const auto running = w.approved();
  must(evidence.offer(w.now, running));
  const auto junk = w.step(w.vendor1, w.vendor1_note,
                           [](Root& r) { r.issued = kStart + seconds{9}; }, {&w.carol});
  CHECK(refusal(evidence, junk, w.now) == ErrorCode::kUnverified);
  CHECK_FALSE(evidence.forked());  // only the root's own signers can fork the root
  const auto rival = w.step(w.vendor1, w.vendor1_note,
                            [](Root& r) { r.issued = kStart + seconds{9}; }, {&w.vendor_root});
  const auto revision = evidence.floors_revision();
  CHECK(refusal(evidence, rival, w.now) == ErrorCode::kConflict);
  CHECK(evidence.forked());
  CHECK(evidence.floors_revision() != revision);
  CHECK(evidence.vendor_root()->issued == kStart);
  const auto next = w.approved();
  must(evidence.offer(w.now, next));
  CHECK(is_live(evidence, id_of(running), w.now));
  CHECK_FALSE(is_live(evidence, id_of(next), w.now));
  CHECK(evidence.state(w.now, id_of(next)).obstacle);
  // The alarm remains after a restart.
  auto again = w.agent_evidence(evidence.floors());
  CHECK(again.forked());
}

TEST_CASE("evidence: an expired root lets nothing new begin") {
  World w;
  auto evidence = w.laptop_evidence();
  w.pass(hours{24 * 364} + hours{23});
  w.laptop.serial = 2;
  w.laptop.issued = w.now.wall;
  w.laptop.expires = w.now.wall + kDefaultDeviceLife;
  must(evidence.offer(w.now, w.sign_laptop(w.laptop)));
  const auto running = w.approved(hours{1});
  must(evidence.offer(w.now, running));
  evidence.claim(w.now, id_of(running));
  CHECK(is_live(evidence, id_of(running), w.now));
  w.pass(minutes{59});
  CHECK(is_live(evidence, id_of(running), w.now));
  w.pass(minutes{2});
  const auto next = w.approved();
  must(evidence.offer(w.now, next));
  CHECK_FALSE(is_live(evidence, id_of(next), w.now));
  CHECK(evidence.check_request(w.now, w.ask()).error().code == ErrorCode::kDenied);
}

TEST_CASE("evidence: who may sign a policy, and serials only rise") {
  World w;
  auto evidence = w.agent_evidence();
  const auto first = w.policy_note;
  auto by_approver = w.next_policy([](Policy&) {});
  by_approver.signatures = {note::sign(by_approver.text, "bob", w.bob)};
  CHECK(refusal(evidence, by_approver, w.now) == ErrorCode::kUnverified);
  by_approver.signatures = {note::sign(by_approver.text, "vendor", w.vendor_root)};
  CHECK(refusal(evidence, by_approver, w.now) == ErrorCode::kUnverified);
  CHECK(must(evidence.offer(w.now, w.policy_note)).kind == ChangeKind::kPolicy);
  CHECK(refusal(evidence, first, w.now) == ErrorCode::kStale);
  // The same serial with another text, and a successor with a wrong `previous`.
  auto rival = w.policy;
  rival.lease = seconds{5};
  const auto rival_note = must(sign_statement(rival, Signer{"root", w.site_root}));
  CHECK(refusal(evidence, rival_note, w.now) == ErrorCode::kConflict);
  rival.serial = 3;
  rival.previous = to_hash(w.site.id);
  CHECK(refusal(evidence, must(sign_statement(rival, Signer{"root", w.site_root})), w.now) ==
        ErrorCode::kConflict);
  rival.serial = 7;  // an offline party may skip serials: each policy has its own signatures
  CHECK_FALSE(refusal(evidence, must(sign_statement(rival, Signer{"root", w.site_root})), w.now));
  CHECK(evidence.policy(w.site.id)->serial == 7);
}

TEST_CASE("evidence: a new policy re-evaluates every live grant") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  CHECK(is_live(evidence, id_of(grant), w.now));
  // One more customer must sign, so the grant is incomplete until her signature comes.
  must(evidence.offer(w.now, w.next_policy([](Policy& p) { p.allows[0].customer = 2; })));
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  CHECK(evidence.state(w.now, id_of(grant)).phase == RequestPhase::kPending);
  must(evidence.offer(w.now, w.approve(grant, w.erin)));
  CHECK(is_live(evidence, id_of(grant), w.now));
  must(evidence.offer(w.now, w.next_policy([](Policy& p) { p.allows[0].max = seconds{60}; })));
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  CHECK(evidence.state(w.now, id_of(grant)).phase == RequestPhase::kInvalid);
  must(evidence.offer(w.now, w.next_policy([](Policy& p) { p.allows[0].max = seconds{3600}; })));
  CHECK(is_live(evidence, id_of(grant), w.now));
  must(evidence.offer(w.now, w.next_policy([](Policy& p) {
    p.services.erase(p.services.begin());
    p.allows.erase(p.allows.begin());
  })));
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
}

TEST_CASE("evidence: a new root re-evaluates every live grant") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  SECTION("the customer's approver is gone") {
    const auto next = w.step(
        w.site1, w.site1_note,
        [&](Root& root) {
          std::erase_if(root.keys, [&](const RootKey& k) { return k.key == w.bob.public_key(); });
        },
        {&w.site_root});
    must(evidence.offer(w.now, next));
    CHECK(evidence.state(w.now, id_of(grant)).phase == RequestPhase::kPending);
  }
  SECTION("more vendor approvers are asked for") {
    must(evidence.offer(w.now, w.step(w.site1, w.site1_note,
                                      [](Root& r) { r.vendor_approvals = 2; }, {&w.site_root})));
    CHECK(evidence.state(w.now, id_of(grant)).vendor_missing == 1);
    must(evidence.offer(w.now, w.approve(grant, w.dave)));
    CHECK(is_live(evidence, id_of(grant), w.now));
    return;
  }
  SECTION("the policy's signer is gone: nothing is allowed until it is signed again") {
    const auto fresh = crypto::SigningKey::generate(w.rng);
    const auto next = w.step(w.site1, w.site1_note,
                             [&](Root& root) {
                               for (auto& k : root.keys) {
                                 if (k.group == Group::kRoot) k.key = fresh.public_key();
                               }
                             },
                             {&w.site_root, &fresh});
    must(evidence.offer(w.now, next));
    CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
    CHECK(evidence.policy(w.site.id) == nullptr);
    must(evidence.offer(w.now, must(sign_statement(w.policy, Signer{"root", fresh}))));
    CHECK(is_live(evidence, id_of(grant), w.now));
    return;
  }
  SECTION("the device-admission key is gone") {
    must(evidence.offer(w.now, w.step(w.vendor2, w.vendor2_note,
                                      [](Root& root) {
                                        std::erase_if(root.keys, [](const RootKey& k) {
                                          return k.group == Group::kDeviceAdmission;
                                        });
                                      },
                                      {&w.vendor_root})));
    CHECK(evidence.node(w.now, w.laptop.identity) == nullptr);
  }
  SECTION("the directory key is gone: the agent's pin stands, a laptop loses the site") {
    auto laptop = w.laptop_evidence();
    must(laptop.offer(w.now, grant));
    const auto next = w.step(
        w.vendor2, w.vendor2_note,
        [](Root& root) {
          std::erase_if(root.keys, [](const RootKey& k) { return k.group == Group::kDirectory; });
        },
        {&w.vendor_root});
    must(laptop.offer(w.now, next));
    must(evidence.offer(w.now, next));
    CHECK(is_live(evidence, id_of(grant), w.now));
    CHECK_FALSE(is_live(laptop, id_of(grant), w.now));
    CHECK_FALSE(laptop.site(w.site.name));
    return;
  }
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
}

TEST_CASE("evidence: nodes") {
  World w;
  auto evidence = w.agent_evidence();
  const auto try_agent = [&](const std::function<void(Node&)>& edit) {
    auto node = w.agent;
    node.serial = 2;
    edit(node);
    return refusal(evidence, w.sign_agent(node), w.now);
  };
  CHECK_FALSE(try_agent([](Node&) {}));
  CHECK(try_agent([](Node& n) { n.serial = 1; }) == ErrorCode::kStale);
  CHECK(try_agent([](Node& n) { n.tags = {label("edge")}; }) == ErrorCode::kConflict);
  const auto third = [&](const std::function<void(Node&)>& edit) {
    return try_agent([&](Node& n) {
      n.serial = 3;
      edit(n);
    });
  };
  CHECK(third([](Node& n) { n.tags = {label("admin")}; }) == ErrorCode::kUnverified);
  CHECK(third([](Node& n) { n.enrolled = to_hash(n.site.id); }) == ErrorCode::kUnverified);
  CHECK(third([](Node& n) { n.name = label("cluster-2"); }) == ErrorCode::kUnverified);
  CHECK(third([](Node& n) { n.site.name = fqdn("other.example.com"); }) == ErrorCode::kUnverified);
  CHECK(third([](Node& n) { n.site.id = {}; }) == ErrorCode::kUnverified);
  CHECK(third([](Node& n) {
          n.issued = kStart + kYear + seconds{1};
          n.expires = n.issued + hours{1};
        }) == ErrorCode::kUnverified);  // after the end of the time to renew
  CHECK(third([](Node& n) {
          n.issued = kStart - seconds{1};
          n.expires = kStart + hours{1};
        }) == ErrorCode::kUnverified);
  CHECK(third([](Node& n) { n.issued = kStart + minutes{10}; }) == ErrorCode::kStale);  // future
  CHECK(third([&](Node& n) { n.wireguard = w.laptop.wireguard; }) == ErrorCode::kConflict);
  CHECK(third([&](Node& n) { n.disco = w.laptop.disco; }) == ErrorCode::kConflict);
  CHECK_FALSE(third([&](Node& n) { n.wireguard = x25519<crypto::WireGuardKey>(w.rng); }));

  auto unsigned_by_itself = w.agent_note;
  unsigned_by_itself.signatures = {note::sign(w.agent_note.text, "enrolment", w.one_time)};
  auto unsigned_by_key = w.enrolled_note;
  unsigned_by_key.signatures.pop_back();
  auto unsigned_by_node = w.enrolled_note;
  unsigned_by_node.signatures.erase(unsigned_by_node.signatures.begin());
  Evidence without({note::hash(w.site1_note), {}, false}, {});
  auto notes = w.everything();
  for (const auto& gone : {w.enrolled_note, w.agent_note, w.service_note}) std::erase(notes, gone);
  for (const auto& r : without.offer_all(w.now, notes)) must(r);
  CHECK(refusal(without, w.agent_note, w.now) == ErrorCode::kUnverified);
  CHECK(refusal(without, unsigned_by_key, w.now) == ErrorCode::kUnverified);
  CHECK(refusal(without, unsigned_by_node, w.now) == ErrorCode::kUnverified);
  CHECK(without.check_enrolment_open(w.now, w.enrolled_note));
  const auto later = Now{w.now.steady + hours{1}, w.now.wall + hours{1}};
  CHECK(without.check_enrolment_open(later, w.enrolled_note).error().code == ErrorCode::kStale);
  CHECK_FALSE(refusal(without, w.enrolled_note, w.now));
  CHECK(without.check_enrolment_open(later, w.enrolled_note));  // a known note has no time limit
  CHECK(refusal(without, unsigned_by_itself, w.now) == ErrorCode::kUnverified);
  CHECK(verify_self_signed(w.agent_note));
  CHECK_FALSE(verify_self_signed(unsigned_by_itself));
  CHECK(refusal(without, w.service_note, w.now) == ErrorCode::kUnverified);
  CHECK_FALSE(refusal(without, w.agent_note, w.now));
  CHECK_FALSE(refusal(without, w.service_note, w.now));
  const auto of_agent = without.agent_notes(w.agent.identity);
  CHECK(of_agent == std::vector{w.enrolment_note, w.enrolled_note, w.agent_note});
}

TEST_CASE("evidence: devices") {
  World w;
  auto evidence = w.laptop_evidence();
  auto node = w.laptop;
  node.serial = 2;
  auto self_only = w.sign_laptop(node);
  self_only.signatures.pop_back();
  CHECK(refusal(evidence, self_only, w.now) == ErrorCode::kUnverified);
  for (const auto* key : {&w.carol, &w.directory, &w.vendor_root, &w.bob, &w.enroller}) {
    CHECK(refusal(evidence, w.approve(self_only, *key), w.now) == ErrorCode::kUnverified);
  }
  auto admitted_only = w.sign_laptop(node);
  admitted_only.signatures.erase(admitted_only.signatures.begin());
  CHECK(refusal(evidence, admitted_only, w.now) == ErrorCode::kUnverified);
  CHECK_FALSE(refusal(evidence, w.approve(self_only, w.admission), w.now));
  // A device statement lasts a day; its grants end with it at the latest.
  const auto grant = w.approved(hours{1});
  must(evidence.offer(w.now, grant));
  evidence.claim(w.now, id_of(grant));
  w.pass(hours{24});
  CHECK(evidence.node(w.now, w.laptop.identity) == nullptr);
  CHECK(refusal(evidence, w.ask(), w.now) == ErrorCode::kUnverified);
  CHECK(refusal(evidence, w.laptop_note, w.now) == ErrorCode::kStale);
}

TEST_CASE("evidence: a grant ends with its device statement, and goes on with the next one") {
  World w;
  w.laptop.expires = kStart + minutes{10};
  w.laptop_note = w.sign_laptop(w.laptop);
  auto evidence = w.agent_evidence();
  const auto grant = w.approved(minutes{30});
  must(evidence.offer(w.now, grant));
  evidence.claim(w.now, id_of(grant));
  CHECK(evidence.next_change(w.now) == w.now.steady + minutes{10} - seconds{1});
  w.pass(minutes{10});
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  w.laptop.serial = 2;
  w.laptop.issued = w.now.wall;
  w.laptop.expires = w.now.wall + hours{24};
  must(evidence.offer(w.now, w.sign_laptop(w.laptop)));
  CHECK(is_live(evidence, id_of(grant), w.now));
  w.laptop.serial = 3;
  w.laptop.groups = {};  // no longer an engineer
  must(evidence.offer(w.now, w.sign_laptop(w.laptop)));
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
}

TEST_CASE("evidence: services count only where the policy and the tag say so") {
  World w;
  auto evidence = w.laptop_evidence();
  const auto api = w.policy.services[0].name;
  CHECK(evidence.publishers(w.now, api).size() == 1);
  must(evidence.offer(w.now, w.next_policy([](Policy& p) { p.services[0].tag = label("edge"); })));
  CHECK(evidence.publishers(w.now, api).empty());
  w.agent.serial = 2;
  w.agent.tags = {label("cluster"), label("edge")};
  must(evidence.offer(w.now, w.sign_agent(w.agent)));
  CHECK(evidence.publishers(w.now, api).size() == 1);
  const auto first = w.service_note;
  w.service.serial = 2;
  w.service.services.erase(w.service.services.begin());
  must(evidence.offer(w.now, w.sign_service(w.service)));
  CHECK(evidence.publishers(w.now, api).empty());
  CHECK(refusal(evidence, first, w.now) == ErrorCode::kStale);
  w.service.services = {fqdn("zzz." + w.site.name.str())};  // not in the policy: ignored
  w.service.serial = 3;
  must(evidence.offer(w.now, w.sign_service(w.service)));
  CHECK(evidence.publishers(w.now, w.service.services[0]).empty());
  w.service.serial = 4;
  auto forged = must(sign_statement(w.service, Signer{"cluster-1", w.laptop_key}));
  CHECK(refusal(evidence, forged, w.now) == ErrorCode::kUnverified);
}

TEST_CASE("evidence: an enrolment's floors and signer") {
  World w;
  const auto enrol = [&](const std::function<void(Enrolment&)>& edit,
                         const crypto::SigningKey& key) {
    auto evidence = w.agent_evidence();
    auto enrolment = w.enrolment;
    enrolment.key = crypto::SigningKey::generate(w.rng).public_key();
    edit(enrolment);
    return refusal(evidence, must(sign_statement(enrolment, Signer{"x", key})), w.now);
  };
  CHECK_FALSE(enrol([](Enrolment&) {}, w.enroller));
  CHECK(enrol([](Enrolment&) {}, w.bob) == ErrorCode::kUnverified);
  CHECK(enrol([](Enrolment&) {}, w.admission) == ErrorCode::kUnverified);
  CHECK(enrol([](Enrolment& e) { e.policy_serial = 2; }, w.enroller) == ErrorCode::kUnverified);
  CHECK(enrol([](Enrolment& e) { e.root = {}; }, w.enroller) == ErrorCode::kUnverified);
  CHECK(enrol([&](Enrolment& e) { e.key = w.bob.public_key(); }, w.enroller) ==
        ErrorCode::kConflict);
}

TEST_CASE("evidence: standing access needs no grant") {
  World w;
  auto evidence = w.agent_evidence();
  must(evidence.offer(w.now, w.next_policy([&](Policy& p) {
    p.standings = {{p.services[1].name, w.laptop.identity, kStart + hours{2}, false}};
  })));
  auto live = evidence.live(w.now);
  REQUIRE(live.size() == 1);
  CHECK(live[0].standing);
  CHECK_FALSE(live[0].needs_lease);
  CHECK(live[0].service.port() == 5432);
  CHECK(live[0].publishers.size() == 1);
  CHECK(evidence.next_change(w.now) == w.now.steady + hours{2} - seconds{1});
  evidence.set_lock(true);
  CHECK(evidence.live(w.now).empty());
  evidence.set_lock(false);
  CHECK(evidence.live(w.now).size() == 1);
  w.pass(hours{2});
  CHECK(evidence.live(w.now).empty());
  w.now.wall = kStart;
  evidence.deny(w.now, live[0].grant.id);
  CHECK(evidence.live(w.now).empty());
}

TEST_CASE("evidence: denied standing access stays denied until its line ends") {
  World w;
  auto evidence = w.agent_evidence();
  w.laptop.issued = kStart;
  const auto until = kStart + hours{24 * 30};
  must(evidence.offer(w.now, w.next_policy([&](Policy& p) {
    p.standings = {{p.services[1].name, w.laptop.identity, until, false}};
  })));
  REQUIRE(evidence.live(w.now).size() == 1);
  evidence.deny(w.now, evidence.live(w.now)[0].grant.id);
  for (int day = 1; day < 30; ++day) {
    w.pass(hours{24});
    ++w.laptop.serial;
    w.laptop.issued = w.now.wall;
    w.laptop.expires = w.now.wall + kDefaultDeviceLife;
    must(evidence.offer(w.now, w.sign_laptop(w.laptop)));
    INFO("day " << day);
    CHECK(evidence.live(w.now).empty());
  }
}

TEST_CASE("evidence: leases are verified against the current lease key") {
  World w;
  const auto evidence = w.agent_evidence();
  const Lease lease{w.vendor_id, w.site, w.agent.identity, {}, {}, {}};
  const auto by = [&](const Lease& l, const crypto::SigningKey& key) {
    return evidence.verify_lease(must(sign_statement(l, Signer{"x", key}))).has_value();
  };
  CHECK(by(lease, w.lease));
  for (const auto* key : {&w.ticket, &w.carol, &w.bob, &w.vendor_root, &w.laptop_key}) {
    CHECK_FALSE(by(lease, *key));
  }
  auto other = lease;
  other.vendor_id = {};
  CHECK_FALSE(by(other, w.lease));
  other = lease;
  other.site.name = fqdn("other.example.com");
  CHECK_FALSE(by(other, w.lease));
}

TEST_CASE("evidence: property: a flipped bit in a complete grant opens nothing more") {
  World w;
  const auto good = note::render(w.approved());
  const auto id = id_of(note::parse(good).value());
  const auto base = w.agent_evidence();
  SeededRng rng(11);
  for (int i = 0; i < 300; ++i) {
    auto bytes = good;
    const auto bit = rng.below(bytes.size() * 8);
    bytes[bit / 8] =
        static_cast<char>(static_cast<unsigned char>(bytes[bit / 8]) ^ (1U << (bit % 8)));
    Evidence evidence({note::hash(w.site1_note), {}, false}, {});
    for (const auto& r : evidence.offer_all(w.now, base.notes())) must(r);
    const auto change = evidence.offer(w.now, std::string_view(bytes));
    INFO("bit " << bit);
    CHECK_FALSE(is_live(evidence, id, w.now));
    if (change) CHECK(evidence.state(w.now, id).phase == RequestPhase::kPending);
  }
}
