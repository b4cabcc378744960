// Requests, approvals, revocations and time: what opens a grant and what ends a grant.
#include <catch2/catch.hpp>

#include "proto/trust/grants/limits.hpp"
#include "tests/support/trust_world.hpp"

using namespace culvert;
using namespace culvert::trust;
using namespace culvert::trust::testing;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

// A grant with edited fields, signed by the laptop.
note::Note edited(World& w, const std::function<void(Grant&)>& edit) {
  auto grant = must(Grant::parse(w.ask().text));
  edit(grant);
  return must(sign_statement(grant, Signer{"alice-laptop", w.laptop_key}));
}

note::Note revoked_by(World& w, const note::Note& grant, const crypto::SigningKey& key) {
  return must(revoke_grant(must(Grant::parse(grant.text)), w.vendor_id, "enough", w.now.wall,
                           Signer{"x", key}));
}

}  // namespace

TEST_CASE("grants: what an approver's check refuses before anything is shown") {
  World w;
  const auto evidence = w.observer_evidence();
  CHECK(evidence.check_request(w.now, w.ask()));
  struct Row {
    const char* why;
    std::function<void(Grant&)> edit;
    ErrorCode code;
  };
  const auto other_site = fqdn("other.us-east-1.byoc.example.com");
  const std::vector<Row> rows = {
      {"unknown site", [&](Grant& g) { g.site.id = {}; }, ErrorCode::kUnverified},
      {"site id of another name",
       [&](Grant& g) {
         g.site.name = other_site;
         g.service = fqdn("api." + other_site.str());
       },
       ErrorCode::kUnverified},
      {"somebody else asks", [](Grant& g) { g.requester = person("mallory@vendor.example"); },
       ErrorCode::kUnverified},
      {"another device", [&](Grant& g) { g.device = w.agent.identity; }, ErrorCode::kUnverified},
      {"a device that nobody knows", [](Grant& g) { g.device = {}; }, ErrorCode::kUnverified},
      {"another policy", [](Grant& g) { g.policy = {}; }, ErrorCode::kStale},
      {"an unlisted service", [&](Grant& g) { g.service = fqdn("secret." + w.site.name.str()); },
       ErrorCode::kDenied},
      {"an unlisted scope", [](Grant& g) { g.scope = "kubernetes group=admin"; },
       ErrorCode::kDenied},
      {"longer than the policy allows",
       [](Grant& g) {
         g.duration = seconds{3601};
         g.not_after = g.claim_by + g.duration;
       },
       ErrorCode::kDenied},
      {"waits longer for its claim than the policy allows",
       [](Grant& g) {
         g.claim_by = g.claim_by + seconds{1};
         g.not_after = g.claim_by + g.duration;
       },
       ErrorCode::kDenied},
      {"recording, which nobody can do", [](Grant& g) { g.recording = true; }, ErrorCode::kDenied},
      {"over already",
       [](Grant& g) {
         g.not_before = g.not_before - hours{2};
         g.claim_by = g.not_before + hours{1};
         g.not_after = g.claim_by + g.duration;
       },
       ErrorCode::kStale},
  };
  for (const auto& row : rows) {
    INFO(row.why);
    const auto status = evidence.check_request(w.now, edited(w, row.edit));
    REQUIRE_FALSE(status);
    CHECK(status.error().code == row.code);
  }
  auto unsigned_request = w.approve(note::Note{w.ask().text, {}}, w.bob);
  CHECK(evidence.check_request(w.now, unsigned_request).error().code == ErrorCode::kUnverified);
  auto spoilt = w.ask();
  spoilt.signatures[0].signature[5] ^= 4U;
  CHECK(evidence.check_request(w.now, spoilt).error().code == ErrorCode::kUnverified);
}

TEST_CASE("grants: what opens one") {
  World w;
  auto evidence = w.agent_evidence();
  const auto opens = [&](const note::Note& note) {
    const auto id = id_of(note);
    if (!evidence.offer(w.now, note)) return false;
    return is_live(evidence, id, w.now);
  };
  CHECK(opens(w.approve(w.approve(w.ask(), w.carol), w.bob)));
  CHECK(opens(w.approve(w.approve(w.ask(), w.erin), w.dave)));
  CHECK_FALSE(opens(w.ask()));
  CHECK_FALSE(opens(w.approve(w.ask(), w.carol)));
  CHECK_FALSE(opens(w.approve(w.ask(), w.bob)));
  CHECK_FALSE(opens(w.approve(w.approve(w.ask(), w.carol), w.dave)));  // both of the vendor
  CHECK_FALSE(opens(w.approve(w.approve(w.ask(), w.bob), w.erin)));    // both of the customer
  for (const auto* wrong : {&w.vendor_root, &w.admission, &w.directory, &w.lease, &w.ticket,
                            &w.site_root, &w.enroller, &w.agent_key, &w.one_time}) {
    CHECK_FALSE(opens(w.approve(w.approve(w.ask(), w.bob), *wrong)));
    CHECK_FALSE(opens(w.approve(w.approve(w.ask(), w.carol), *wrong)));
  }
  // Two persons of the vendor must sign for the other service.
  auto request = w.request();
  request.service = w.policy.services[1].name;
  const auto db = w.approve(w.approve(w.ask(request), w.bob), w.carol);
  CHECK_FALSE(opens(db));
  CHECK(opens(w.approve(db, w.dave)));
}

TEST_CASE("grants: customer=0 needs no customer, and only where the policy says so") {
  World w;
  auto evidence = w.agent_evidence();
  must(evidence.offer(w.now, w.next_policy([](Policy& p) { p.allows[0].customer = 0; })));
  const auto grant = w.approve(w.ask(), w.carol);
  must(evidence.offer(w.now, grant));
  CHECK(is_live(evidence, id_of(grant), w.now));
  auto request = w.request();
  request.service = w.policy.services[1].name;
  const auto db = w.approve(w.approve(w.ask(request), w.dave), w.carol);
  must(evidence.offer(w.now, db));
  CHECK_FALSE(is_live(evidence, id_of(db), w.now));
}

TEST_CASE("grants: the window, early by a minute of skew, never late") {
  World w;
  auto evidence = w.agent_evidence();
  const auto asked = edited(w, [](Grant& g) {
    g.not_before = kStart + minutes{10};
    g.claim_by = kStart + minutes{15};
    g.not_after = g.claim_by + g.duration;
  });
  const auto grant = w.approve(w.approve(asked, w.bob), w.carol);
  must(evidence.offer(w.now, grant));
  const auto id = id_of(grant);
  CHECK_FALSE(is_live(evidence, id, w.now));
  CHECK(evidence.next_change(w.now) == w.now.steady + minutes{9} - seconds{1});
  w.pass(minutes{9});
  evidence.advance(w.now);
  CHECK(is_live(evidence, id, w.now));
  CHECK(evidence.next_change(w.now) == w.now.steady + minutes{6} - seconds{1});  // claim-by
  w.pass(minutes{6});
  evidence.advance(w.now);
  CHECK_FALSE(is_live(evidence, id, w.now));
  CHECK(evidence.state(w.now, id).phase == RequestPhase::kExpired);
  CHECK(refusal(evidence, grant, w.now) == ErrorCode::kStale);
}

TEST_CASE("grants: claim-by ends nothing for those who cannot see the use") {
  World w;
  auto observer = w.observer_evidence();
  const auto grant = w.approved(hours{1});
  const auto pending = w.ask(hours{1});
  must(observer.offer(w.now, grant));
  must(observer.offer(w.now, pending));
  w.pass(kDefaultClaim + minutes{1});
  observer.advance(w.now);
  CHECK(is_live(observer, id_of(grant), w.now));
  CHECK(observer.state(w.now, id_of(pending)).phase == RequestPhase::kExpired);
  CHECK(observer.check_request(w.now, pending).error().code == ErrorCode::kStale);
}

TEST_CASE("grants: who may revoke, and what the request's state becomes") {
  World w;
  struct Row {
    const char* who;
    const crypto::SigningKey& key;
    bool may;
  };
  const std::vector<Row> rows = {{"vendor approver", w.dave, true},
                                 {"customer approver", w.erin, true},
                                 {"the requester's device", w.laptop_key, true},
                                 {"lease key", w.lease, false},
                                 {"ticket key", w.ticket, false},
                                 {"admission key", w.admission, false},
                                 {"vendor root key", w.vendor_root, false},
                                 {"site root key", w.site_root, false},
                                 {"agent", w.agent_key, false}};
  for (const auto& row : rows) {
    INFO(row.who);
    auto evidence = w.agent_evidence();
    const auto grant = w.approved();
    const auto pending = w.ask();
    must(evidence.offer(w.now, grant));
    must(evidence.offer(w.now, pending));
    const auto refused = refusal(evidence, revoked_by(w, grant, row.key), w.now);
    CHECK(is_live(evidence, id_of(grant), w.now) == !row.may);
    if (!row.may) {
      CHECK(refused == ErrorCode::kUnverified);
      continue;
    }
    CHECK_FALSE(refused);
    CHECK(evidence.state(w.now, id_of(grant)).phase == RequestPhase::kRevoked);
    CHECK(must(evidence.offer(w.now, revoked_by(w, grant, row.key))).kind == ChangeKind::kNone);
    CHECK(refusal(evidence, grant, w.now) == ErrorCode::kStale);
    must(evidence.offer(w.now, revoked_by(w, pending, row.key)));
    CHECK(evidence.state(w.now, id_of(pending)).phase ==
          (&row.key == &w.laptop_key ? RequestPhase::kWithdrawn : RequestPhase::kDenied));
  }
}

TEST_CASE("grants: a revocation that arrives before its grant") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  CHECK(refusal(evidence, revoked_by(w, grant, w.laptop_key), w.now) == ErrorCode::kUnverified);
  must(evidence.offer(w.now, revoked_by(w, grant, w.bob)));
  CHECK(refusal(evidence, grant, w.now) == ErrorCode::kStale);
  CHECK(evidence.state(w.now, id_of(grant)).phase == RequestPhase::kRevoked);
}

TEST_CASE("grants: revoking devices and nodes") {
  World w;
  const auto after = [&](Revokes what, const IdentityKey& key, bool with_site,
                         std::vector<const crypto::SigningKey*> by) {
    auto evidence = w.agent_evidence();
    const auto grant = w.approved();
    must(evidence.offer(w.now, grant));
    auto note = must(revoke_identity(what, key, w.vendor_id,
                                     with_site ? std::optional(w.site) : std::nullopt, "lost",
                                     w.now.wall, Signer{"x", *by[0]}));
    for (std::size_t i = 1; i < by.size(); ++i) note = w.approve(note, *by[i]);
    const bool accepted = evidence.offer(w.now, note).has_value();
    const auto live = evidence.live(w.now);
    // Ended device: its grants are gone. Ended node: the node publishes nothing.
    const bool ended = live.empty() || live[0].publishers.empty();
    CHECK((accepted || !ended));
    if (ended && !with_site) CHECK(refusal(evidence, w.laptop_note, w.now) != std::nullopt);
    if (ended) {  // also after a restart
      Evidence again({note::hash(w.site1_note), {}, false}, evidence.floors());
      (void)again.offer_all(w.now, w.everything());
      (void)again.offer(w.now, grant);
      const auto after_restart = again.live(w.now);
      CHECK((after_restart.empty() || after_restart[0].publishers.empty()));
    }
    return ended;
  };
  const auto laptop = w.laptop.identity;
  const auto agent = w.agent.identity;
  CHECK(after(Revokes::kDevice, laptop, true, {&w.carol}));
  CHECK(after(Revokes::kDevice, laptop, true, {&w.bob}));
  CHECK_FALSE(
      after(Revokes::kDevice, laptop, false, {&w.bob}));  // a customer: only at its own site
  CHECK_FALSE(after(Revokes::kDevice, laptop, true, {&w.lease}));
  CHECK_FALSE(after(Revokes::kDevice, laptop, true, {&w.enroller}));
  CHECK(after(Revokes::kNode, agent, true, {&w.bob}));
  CHECK_FALSE(after(Revokes::kNode, agent, true, {&w.carol}));
  CHECK_FALSE(after(Revokes::kNode, agent, true, {&w.enroller}));
  // An agent is no device: revoking an agent as a device must not avoid the customer's threshold.
  CHECK_FALSE(after(Revokes::kDevice, agent, false, {&w.carol}));
  CHECK_FALSE(after(Revokes::kDevice, agent, false, {&w.admission}));
  CHECK_FALSE(after(Revokes::kDevice, agent, true, {&w.bob}));
}

TEST_CASE("grants: a line under another name does not spoil what is complete") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  const auto id = id_of(grant);
  must(evidence.offer(w.now, grant));
  auto carried = grant;  // a carrier may write another name before bob's signature
  for (auto& line : carried.signatures) {
    line.name += "-again";
    for (const auto* key : {&w.laptop_key, &w.carol, &w.bob}) {
      if (crypto::verify(key->public_key(), view(grant.text),
                         *crypto::Signature::from(line.signature))) {
        line.id = note::key_id(line.name, key->public_key());
      }
    }
  }
  CHECK(must(evidence.offer(w.now, carried)).kind == ChangeKind::kNone);
  CHECK(is_live(evidence, id, w.now));
  CHECK(evidence.state(w.now, id).phase == RequestPhase::kApproved);
}

TEST_CASE(
    "grants: neither years ahead nor years long, so that what ends them is kept long enough") {
  World w;
  auto evidence = w.agent_evidence();
  const auto moved = [&](seconds ahead, seconds claim, seconds length) {
    return edited(w, [&](Grant& g) {
      g.not_before = w.now.wall + ahead;
      g.claim_by = g.not_before + claim;
      g.duration = length;
      g.not_after = g.claim_by + length;
    });
  };
  CHECK(evidence.offer(w.now, moved(kMaxAhead, kMaxClaim, kMaxGrantTime)));
  for (const auto& far : {moved(kMaxAhead + seconds{1}, hours{1}, hours{1}),
                          moved(seconds{0}, kMaxClaim + seconds{1}, hours{1})}) {
    CHECK(refusal(evidence, far, w.now) == ErrorCode::kInvalid);
    CHECK(evidence.check_request(w.now, far).error().code == ErrorCode::kInvalid);
    CHECK(refusal(evidence, revoked_by(w, moved(hours{24 * 400}, hours{1}, hours{1}), w.bob),
                  w.now) == ErrorCode::kInvalid);
  }
  // A grant that is denied before it is known stays denied for as long as it could begin.
  const auto latest = moved(kMaxAhead, kMaxClaim, kMaxGrantTime);
  evidence.deny(w.now, id_of(latest));
  w.pass(kMaxAhead + kMaxClaim + kMaxGrantTime);
  evidence.advance(w.now);
  CHECK(refusal(evidence, latest, w.now) == ErrorCode::kStale);
  CHECK(evidence.floors().tombstones.count(id_of(latest)) == 1);
}

TEST_CASE("grants: a device revoked by the vendor is gone everywhere, also after a restart") {
  World w;
  auto evidence = w.laptop_evidence();
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  must(evidence.offer(
      w.now, must(revoke_identity(Revokes::kDevice, w.laptop.identity, w.vendor_id, {}, "stolen",
                                  w.now.wall, Signer{"x", w.admission}))));
  CHECK(evidence.live(w.now).empty());
  CHECK(evidence.node(w.now, w.laptop.identity) == nullptr);
  w.laptop.serial = 2;
  CHECK(refusal(evidence, w.sign_laptop(w.laptop), w.now) == ErrorCode::kDenied);
  Evidence again({{}, to_hash(w.vendor_id), false}, evidence.floors());
  (void)again.offer_all(w.now, w.everything());
  CHECK(again.node(w.now, w.laptop.identity) == nullptr);
}

TEST_CASE("grants: one may suspend one's own key, for ever") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved();
  must(evidence.offer(w.now, grant));
  const auto suspend = [&](const crypto::SigningKey& key, const crypto::SigningKey& by) {
    auto note = must(suspend_key({to_hash(w.site.id)}, w.vendor_id, "lost my key", w.now.wall,
                                 Signer{"x", key}));
    note.signatures = {note::sign(note.text, "x", by)};
    return note;
  };
  CHECK(refusal(evidence, suspend(w.bob, w.erin), w.now) == ErrorCode::kUnverified);
  CHECK(is_live(evidence, id_of(grant), w.now));
  must(evidence.offer(w.now, suspend(w.bob, w.bob)));
  CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  must(evidence.offer(w.now, w.approve(grant, w.erin)));
  CHECK(is_live(evidence, id_of(grant), w.now));
  must(evidence.offer(w.now, w.step(w.site1, w.site1_note, [](Root&) {}, {&w.site_root})));
  CHECK(evidence.state(w.now, id_of(grant)).customer.size() == 1);
}

TEST_CASE("grants: lock and deny need nobody and win") {
  World w;
  auto evidence = w.agent_evidence();
  const auto first = w.approved();
  const auto second = w.approved();
  must(evidence.offer(w.now, first));
  must(evidence.offer(w.now, second));
  evidence.deny(w.now, id_of(first));
  CHECK_FALSE(is_live(evidence, id_of(first), w.now));
  CHECK(is_live(evidence, id_of(second), w.now));
  CHECK(refusal(evidence, first, w.now) == ErrorCode::kStale);
  evidence.set_lock(true);
  CHECK(evidence.live(w.now).empty());
  auto again = w.agent_evidence(evidence.floors());
  CHECK(again.locked());
  must(again.offer(w.now, second));
  CHECK(again.live(w.now).empty());
  again.set_lock(false);
  again.advance(w.now);
  CHECK(is_live(again, id_of(second), w.now));
}

TEST_CASE("grants: a running grant ends at the earlier of wall clock and steady clock") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved(minutes{15});
  must(evidence.offer(w.now, grant));
  evidence.claim(w.now, id_of(grant));
  SECTION("the wall clock stands still") {
    w.now.steady += minutes{15};
    CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
    evidence.advance(w.now);
    w.now.steady = w.now.steady - minutes{10};
    CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  }
  SECTION("the wall clock jumps ahead, and back") {
    w.now.wall = w.now.wall + minutes{15};
    evidence.advance(w.now);
    CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
    w.now.wall = kStart;
    evidence.advance(w.now);
    CHECK_FALSE(is_live(evidence, id_of(grant), w.now));
  }
}

TEST_CASE("grants: a clock that went back denies new grants until it is right or reset") {
  World w;
  auto evidence = w.agent_evidence();
  const auto running = w.approved(hours{1});
  must(evidence.offer(w.now, running));
  evidence.claim(w.now, id_of(running));
  w.now.wall = w.now.wall - seconds{4};  // a small step is no alarm
  CHECK_FALSE(evidence.clock_went_back(w.now));
  w.now.wall = w.now.wall - hours{24};
  CHECK(evidence.clock_went_back(w.now));
  const auto right = w.now;
  w.now.wall = kStart;
  const auto next = w.approved(hours{1});
  w.now = right;
  must(evidence.offer(w.now, next));
  CHECK(is_live(evidence, id_of(running), w.now));
  CHECK_FALSE(is_live(evidence, id_of(next), w.now));
  CHECK(evidence.check_request(w.now, next).error().code == ErrorCode::kDenied);
  SECTION("it becomes right") {
    w.now.wall = kStart;
    evidence.advance(w.now);
    CHECK(is_live(evidence, id_of(next), w.now));
  }
  SECTION("it is reset: what was granted by the old clock is over, new requests work") {
    evidence.reset_clock(w.now);
    evidence.advance(w.now);
    CHECK_FALSE(evidence.clock_went_back(w.now));
    CHECK_FALSE(is_live(evidence, id_of(running), w.now));
    CHECK_FALSE(is_live(evidence, id_of(next), w.now));
    CHECK(refusal(evidence, next, w.now) == ErrorCode::kStale);
    Floors floors = evidence.floors();
    floors.tombstones.clear();  // as if pruned by the wrong clock
    auto again = Evidence({note::hash(w.site1_note), {}, false}, floors);
    for (const auto& note : w.everything()) (void)again.offer(w.now, note);
    w.now.wall = w.now.wall + hours{23};
    CHECK_FALSE(is_live(again, id_of(next), w.now));
  }
}

TEST_CASE("grants: an older store or clock revives nothing") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved(minutes{15});
  must(evidence.offer(w.now, grant));
  evidence.claim(w.now, id_of(grant));
  w.pass(minutes{15});
  evidence.advance(w.now);
  const auto floors = evidence.floors();
  // A restart with the clock set back into the grant's time.
  w.now.wall = kStart + minutes{1};
  auto again = Evidence({note::hash(w.site1_note), {}, false}, floors);
  (void)again.offer_all(w.now, w.everything());
  CHECK(refusal(again, grant, w.now) == ErrorCode::kStale);
  // The same with a store that has lost the ended ids but not its highest time.
  auto old = floors;
  old.tombstones.clear();
  auto poor = Evidence({note::hash(w.site1_note), {}, false}, old);
  (void)poor.offer_all(w.now, w.everything());
  CHECK(refusal(poor, grant, w.now) == ErrorCode::kStale);
}

TEST_CASE("grants: ended ids are forgotten a day after their end, then time itself refuses them") {
  World w;
  auto evidence = w.agent_evidence();
  const auto grant = w.approved(minutes{15});
  must(evidence.offer(w.now, grant));
  must(evidence.offer(w.now, revoked_by(w, grant, w.bob)));
  w.pass(hours{24} + kDefaultClaim);
  evidence.advance(w.now);
  CHECK(evidence.floors().tombstones.size() == 1);
  w.pass(minutes{16});
  evidence.advance(w.now);
  CHECK(evidence.floors().tombstones.empty());
  CHECK(evidence.grants().empty());
  CHECK(refusal(evidence, grant, w.now) == ErrorCode::kStale);
}

TEST_CASE("grants: a device fills its own share alone, and ended requests do not count") {
  World w;
  auto evidence = w.observer_evidence();
  std::vector<note::Note> requests;
  for (std::size_t i = 0; i < kMaxGrantsPerDevice; ++i) {
    requests.push_back(w.ask());
    must(evidence.offer(w.now, requests.back()));
  }
  CHECK(refusal(evidence, w.ask(), w.now) == ErrorCode::kExhausted);
  must(evidence.offer(w.now, revoked_by(w, requests[0], w.laptop_key)));
  CHECK_FALSE(refusal(evidence, w.ask(), w.now));
  // Another device is not affected by the full share.
  const auto bobs = crypto::SigningKey::generate(w.rng);
  auto other = w.laptop;
  other.name = label("other-laptop");
  other.identity = bobs.public_key();
  other.wireguard = x25519<crypto::WireGuardKey>(w.rng);
  other.control = x25519<crypto::ControlKey>(w.rng);
  other.relay = x25519<crypto::RelayKey>(w.rng);
  other.disco = x25519<crypto::DiscoKey>(w.rng);
  const std::vector<Signer> by = {{"other-laptop", bobs}, {"admission", w.admission}};
  must(evidence.offer(w.now, must(sign_statement(other, by))));
  must(
      evidence.offer(w.now, must(make_grant_request(w.request(), other, bobs, w.now.wall, w.rng))));
}

TEST_CASE("grants: what must be remembered of a device is bounded, and refuses that device alone") {
  World w;
  auto evidence = w.observer_evidence();
  std::size_t taken = 0;
  while (taken <= kMaxEndedPerDevice) {
    const auto request = w.ask();
    if (refusal(evidence, request, w.now)) break;
    ++taken;
    must(evidence.offer(w.now, revoked_by(w, request, w.laptop_key)));
  }
  CHECK(taken == kMaxEndedPerDevice);
  CHECK(evidence.floors().tombstones.size() == kMaxEndedPerDevice);
  w.pass(hours{24} + kDefaultClaim + hours{1});
  must(evidence.offer(w.now, w.sign_laptop([&] {
    auto renewed = w.laptop;
    ++renewed.serial;
    renewed.issued = w.now.wall;
    renewed.expires = w.now.wall + hours{24};
    w.laptop = renewed;
    return renewed;
  }())));
  CHECK_FALSE(refusal(evidence, w.ask(), w.now));
}
