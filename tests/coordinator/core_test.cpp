// The coordinator's core with real clients around it, in simulated time.
#include <catch2/catch.hpp>

#include "proto/audit/entry.hpp"
#include "tests/coordinator/world_support.hpp"

namespace culvert::coordinator::test {
namespace {

std::string grant_id(const std::string& note) {
  return trust::Grant::parse(note::parse(note).value().text).value().id.str();
}

bool mentions(const std::vector<std::string>& lines, std::string_view what) {
  for (const auto& line : lines) {
    if (line.find(what) != std::string::npos) return true;
  }
  return false;
}

// One site with an agent that publishes, one admitted laptop, one approver on each side.
struct Story : World {
  explicit Story(std::uint64_t seed = 1) : World(seed) {
    site = &add_site("acme.byoc.example.com");
    cluster = &agent(*site, "cluster-1");
    service_note = publish(*cluster, *site);
    laptop = &device("alice-laptop", "alice@vendor.example");
    carol = &person_with(vendor_approver);
    bob = &person_with(site->approver);
  }
  std::string granted() {
    const auto note = request(*laptop, *site);
    REQUIRE(put(*laptop, note).has_value());
    approve(note, vendor_approver, *carol);
    approve(note, site->approver, *bob);
    return note;
  }
  std::string revoke(const std::string& grant, const Holder& by) {
    const auto parsed = trust::Grant::parse(note::parse(grant).value().text).value();
    return note::render(
        trust::revoke_grant(parsed, vendor_id, "over", now.wall, by.signer()).value());
  }

  TestSite* site = nullptr;
  Party* cluster = nullptr;
  Party* laptop = nullptr;
  Party* carol = nullptr;
  Party* bob = nullptr;
  std::string service_note;
};

TEST_CASE("coordinator: an agent is enrolled, hears of its site and of nothing else") {
  World world;
  auto& acme = world.add_site("acme.byoc.example.com");
  auto& other = world.add_site("other.byoc.example.com");
  auto& agent = world.agent(acme, "cluster-1");
  REQUIRE(agent.client->connected());
  CHECK(agent.hears(world.vendor_note));
  CHECK(agent.hears(acme.root_note));
  CHECK(agent.hears(acme.site_note));
  CHECK(agent.hears(acme.policy_note));
  CHECK_FALSE(agent.hears(other.root_note));
  CHECK_FALSE(agent.hears(other.site_note));
  CHECK(mentions(world.audit_lines(), "node-admitted"));
  REQUIRE(agent.last<control::Connected>() != nullptr);
  CHECK(agent.last<control::Connected>()->relays.size() == 1);
}

TEST_CASE("coordinator: every agent of a site hears of a new one there, and no other does") {
  World world;
  auto& acme = world.add_site("acme.byoc.example.com");
  auto& bolt = world.add_site("bolt.byoc.example.com");
  auto& first = world.agent(acme, "first");
  auto& elsewhere = world.agent(bolt, "elsewhere");
  auto& second = world.agent(acme, "second");
  CHECK(first.hears(second.enrolment[1]));
  CHECK(first.hears(second.enrolment[2]));
  CHECK_FALSE(elsewhere.hears(second.enrolment[2]));
}

TEST_CASE("coordinator: a second node of one name is refused aloud") {
  World world;
  auto& site = world.add_site("acme.byoc.example.com");
  auto& first = world.agent(site, "twin");
  auto& second = world.agent(site, "twin");
  CHECK(first.client->connected());
  CHECK_FALSE(second.client->connected());
  REQUIRE(second.last<control::Disconnected>() != nullptr);
  CHECK(second.last<control::Disconnected>()->why.code == ErrorCode::kConflict);
}

TEST_CASE("coordinator: a refused client is told why, and its connection is closed") {
  World world;
  auto& site = world.add_site("acme.byoc.example.com");
  SECTION("a site that the operator has not added") {
    World other(2);
    auto& unknown = other.add_site("elsewhere.byoc.example.com");
    auto& party = world.agent(unknown, "unknown");
    CHECK_FALSE(party.client->connected());
    REQUIRE(party.last<control::Disconnected>() != nullptr);
    CHECK(party.last<control::Disconnected>()->why.code == ErrorCode::kNotFound);
  }
  SECTION("an enrolment that is over") {
    world.now.wall = world.now.wall + std::chrono::hours(2);
    auto& late = world.agent(site, "late");
    CHECK_FALSE(late.client->connected());
    REQUIRE(late.last<control::Disconnected>() != nullptr);
    CHECK(late.last<control::Disconnected>()->why.code != ErrorCode::kInternal);
  }
  SECTION("a statement of another node's control key") {
    auto& honest = world.agent(site, "honest");
    Party thief;
    thief.client = std::make_unique<control::Client>(
        control::ClientOptions{
            control::noise::KeyPair::generate(world.rng), world.control_key.public_key, {}},
        world.rng);
    for (const auto& [id, text] : honest.view) {
      if (trust::kind_of(text) == trust::Kind::kNode) thief.client->set_node(text, std::nullopt);
    }
    world.parties.push_back(std::move(thief));
    auto& party = world.parties.back();
    party.client->start(world.now.steady);
    world.pump();
    CHECK_FALSE(party.client->connected());
    REQUIRE(party.last<control::Disconnected>() != nullptr);
    CHECK(party.last<control::Disconnected>()->why.code == ErrorCode::kUnverified);
    CHECK(honest.client->connected());
  }
}

TEST_CASE("coordinator: a device waits until it is admitted, and hears of nothing meanwhile") {
  World world;
  auto& site = world.add_site("acme.byoc.example.com");
  auto& laptop = world.device("laptop", "alice@vendor.example", false);
  REQUIRE(laptop.client->connected());
  CHECK(laptop.view.size() == 2);
  CHECK(laptop.hears(world.vendor_note));
  CHECK(world.put(laptop, world.request(laptop, site)).error().code == ErrorCode::kDenied);
  CHECK_FALSE(world.ticket(laptop).has_value());

  auto& carol = world.person_with(world.vendor_approver);
  CHECK(world.answer(carol, carol.client->list(control::ListWhat::kDevices, {})).error().code ==
        ErrorCode::kDenied);
  auto& admin = world.person_with(world.admission);
  const auto listed = world.answer(admin, admin.client->list(control::ListWhat::kDevices, {}));
  REQUIRE(listed.has_value());
  REQUIRE(listed->entries.size() == 1);
  CHECK(listed->entries[0].state == "WAITING");
  REQUIRE(world.put(admin, world.sign_more(listed->entries[0].note, world.admission)));
  CHECK(laptop.view.size() == 3);  // with the laptop's own admitted statement
  CHECK(laptop.hears(listed->entries[0].note));
  const auto after = world.answer(admin, admin.client->list(control::ListWhat::kDevices, {}));
  REQUIRE(after.has_value());
  REQUIRE(after->entries.size() == 1);
  CHECK(after->entries[0].state == "ADMITTED");
}

TEST_CASE("coordinator: a request travels, gathers signatures and reaches exactly two parties") {
  Story world;
  auto& stranger = world.device("eve-laptop", "eve@vendor.example");
  auto& elsewhere = world.agent(world.add_site("other.byoc.example.com"), "elsewhere");
  const auto before_stranger = stranger.view;
  const auto before_elsewhere = elsewhere.view;

  const auto note = world.request(*world.laptop, *world.site);
  REQUIRE(world.put(*world.laptop, note).has_value());
  CHECK(world.laptop->hears(note));
  CHECK_FALSE(world.cluster->hears(note));
  CHECK_FALSE(world.laptop->hears(world.service_note));

  const auto listed =
      world.answer(*world.bob, world.bob->client->list(control::ListWhat::kRequests, {}));
  REQUIRE(listed.has_value());
  REQUIRE(listed->entries.size() == 1);
  CHECK(listed->entries[0].state == "PENDING needs vendor=1 customer=1");
  // The notes of the answer are enough to verify the request from the site's pin alone.
  trust::Pins pins;
  pins.site_root = trust::to_hash(world.site->ref.id);
  pins.observer = true;
  trust::Evidence evidence(pins, {});
  std::vector<note::Note> supporting;
  for (const auto& text : listed->notes) supporting.push_back(note::parse(text).value());
  (void)evidence.offer_all(world.now, supporting);
  CHECK(evidence.check_request(world.now, note::parse(listed->entries[0].note).value()));

  world.approve(listed->entries[0].note, world.vendor_approver, *world.carol);
  CHECK_FALSE(world.cluster->hears(note));
  // Bob signs the note that he saw, without carol's line: the coordinator merges the lines.
  world.approve(listed->entries[0].note, world.site->approver, *world.bob);
  REQUIRE(world.cluster->hears(note));
  CHECK(world.laptop->hears(world.service_note));
  CHECK(world.laptop->hears(world.site->root_note));
  CHECK(world.laptop->hears(world.site->policy_note));
  const auto id = note::hash(note::parse(note).value());
  CHECK(note::parse(world.cluster->view.at(id)).value().signatures.size() == 3);

  // Both ends can verify the grant from their own pins and the notes that they received.
  for (const auto* party : {world.cluster, world.laptop}) {
    trust::Pins own;
    if (party == world.cluster) own.site_root = trust::to_hash(world.site->ref.id);
    if (party == world.laptop) own.vendor_genesis = trust::to_hash(world.vendor_id);
    trust::Evidence at_party(own, {});
    std::vector<note::Note> told;
    for (const auto& [key, text] : party->view) told.push_back(note::parse(text).value());
    if (party == world.cluster) {
      told.push_back(note::parse(world.service_note).value());
    }
    (void)at_party.offer_all(world.now, told);
    REQUIRE(at_party.live(world.now).size() == 1);
    CHECK(at_party.live(world.now)[0].publishers.size() == 1);
  }
  CHECK(stranger.view == before_stranger);
  CHECK(elsewhere.view == before_elsewhere);
  const auto lines = world.audit_lines();
  CHECK(mentions(lines, " request who=alice@vendor.example"));
  CHECK(mentions(lines, " approval who=bob@customer.example"));
  CHECK(mentions(lines, " approval who=carol@vendor.example"));
}

TEST_CASE("coordinator: leases and tickets follow the grants that are wanted") {
  Story world;
  const auto grant = world.granted();
  const auto id = grant_id(grant);
  const auto lease = world.lease(*world.cluster, {id, "01JD6Q0V5M3T9R8W2K7YB4XHNC"});
  REQUIRE(lease.has_value());
  REQUIRE(lease->grants.size() == 1);
  CHECK(lease->grants[0].str() == id);
  CHECK(lease->agent == world.cluster->node.identity);
  CHECK(mentions(world.audit_lines(), "grant-active"));
  const auto ticket = world.ticket(*world.laptop);
  REQUIRE(ticket.has_value());
  CHECK(ticket->peers == std::vector{world.cluster->node.relay});
  CHECK(world.ticket(*world.cluster)->peers == std::vector{world.laptop->node.relay});
  CHECK_FALSE(world.lease(*world.laptop, {id}).has_value());

  const auto revocation = world.revoke(grant, world.site->approver);
  REQUIRE(world.put(*world.bob, revocation).has_value());
  for (const auto* party : {world.cluster, world.laptop}) {
    CHECK_FALSE(party->hears(grant));
    CHECK(party->hears(revocation));
  }
  CHECK_FALSE(world.laptop->hears(world.service_note));  // the service is hidden again
  CHECK_FALSE(world.laptop->hears(world.site->policy_note));
  CHECK(world.lease(*world.cluster, {id})->grants.empty());
  CHECK(world.ticket(*world.laptop)->peers.empty());
  CHECK(mentions(world.audit_lines(), " revocation who=bob@customer.example"));
}

TEST_CASE("coordinator: a grant ends by time without anyone's doing") {
  Story world;
  const auto grant = world.granted();
  world.pass(4h);  // past claim-by: a coordinator does not know whether the grant was used
  CHECK(world.cluster->hears(grant));
  world.pass(31min);
  CHECK_FALSE(world.cluster->hears(grant));
  CHECK_FALSE(world.laptop->hears(grant));
  CHECK(world.cluster->client->connected());
}

TEST_CASE("coordinator: a revoked device gets nothing more") {
  Story world;
  const auto grant = world.granted();
  const auto revocation = note::render(
      trust::revoke_identity(trust::Revokes::kDevice, world.laptop->node.identity, world.vendor_id,
                             std::nullopt, "lost", world.now.wall, world.admission.signer())
          .value());
  REQUIRE(world.put(*world.carol, revocation).has_value());
  CHECK(world.cluster->hears(revocation));
  CHECK_FALSE(world.cluster->hears(grant));
  CHECK(world.lease(*world.cluster, {grant_id(grant)})->grants.empty());
  CHECK_FALSE(world.ticket(*world.laptop).has_value());
  CHECK(world.put(*world.laptop, world.request(*world.laptop, *world.site)).error().code ==
        ErrorCode::kDenied);
}

TEST_CASE("coordinator: nothing of one site is shown to another's people, devices or strangers") {
  Story world;
  auto& other = world.add_site("other.byoc.example.com");
  auto& foreign = world.person_with(other.approver);
  const auto note = world.request(*world.laptop, *world.site);
  REQUIRE(world.put(*world.laptop, note).has_value());
  const auto listed = world.answer(foreign, foreign.client->list(control::ListWhat::kRequests, {}));
  REQUIRE(listed.has_value());
  CHECK(listed->entries.empty());
  // For a party without access, an existing site and a missing site look the same.
  const auto hidden = world.answer(foreign, foreign.client->site_info("api.acme.byoc.example.com"));
  const auto absent = world.answer(foreign, foreign.client->site_info("api.nope.byoc.example.com"));
  CHECK(hidden.error() == absent.error());
  CHECK(world.answer(foreign, foreign.client->query_audit("acme.byoc.example.com", 0)).error() ==
        world.answer(foreign, foreign.client->query_audit("nope.byoc.example.com", 0)).error());
  const auto own =
      world.answer(*world.bob, world.bob->client->query_audit("acme.byoc.example.com", 0));
  REQUIRE(own.has_value());
  CHECK(mentions(own->lines, " request "));
  CHECK_FALSE(mentions(own->lines, "other.byoc.example.com"));

  // A person whose key no root lists.
  auto& nobody =
      world.person_with({person("x@x.example"), crypto::SigningKey::generate(world.rng)});
  REQUIRE(nobody.last<control::Answered>() != nullptr);
  CHECK(nobody.last<control::Answered>()->reply.error().code == ErrorCode::kDenied);
  CHECK(world.put(nobody, note).error().code == ErrorCode::kDenied);
  CHECK_FALSE(world.answer(nobody, nobody.client->list(control::ListWhat::kRequests, {})));
  // A request for a missing service is accepted like any other; approvers see that it is missing.
  const auto guess = world.request(*world.laptop, *world.site, "guess");
  REQUIRE(world.put(*world.laptop, guess).has_value());
  CHECK(world.laptop->hears(guess));
  const auto shown =
      world.answer(*world.bob, world.bob->client->list(control::ListWhat::kRequests, {}));
  REQUIRE(shown.has_value());
  REQUIRE(shown->entries.size() == 2);
  CHECK(shown->entries[0].state.substr(0, 7) == "PENDING");
  CHECK(shown->entries[1].state.substr(0, 7) == "INVALID");
  const auto info =
      world.answer(*world.laptop, world.laptop->client->site_info("any.acme.byoc.example.com"));
  REQUIRE(info.has_value());
  CHECK(info->policy == world.site->policy);
  for (const auto& text : info->notes) CHECK(trust::kind_of(text) != trust::Kind::kPolicy);
}

TEST_CASE("coordinator: another device cannot hand in a request for this one") {
  Story world;
  auto& eve = world.device("eve-laptop", "eve@vendor.example");
  const auto note = world.request(*world.laptop, *world.site);
  CHECK_FALSE(world.put(eve, note).has_value());
  CHECK_FALSE(world.put(*world.carol, note).has_value());
  for (std::size_t i = 0; i < 16; ++i) {
    REQUIRE(world.put(*world.laptop, world.request(*world.laptop, *world.site)).has_value());
  }
  CHECK(world.put(*world.laptop, world.request(*world.laptop, *world.site)).error().code ==
        ErrorCode::kExhausted);
}

TEST_CASE("coordinator: an absent agent learns what it missed, by number or in full") {
  Story world;
  world.cut(*world.cluster);
  world.cluster->reachable = false;
  const auto grant = world.granted();
  CHECK_FALSE(world.cluster->hears(grant));
  world.cluster->reachable = true;
  world.pass(5s);
  REQUIRE(world.cluster->client->connected());
  CHECK(world.cluster->hears(grant));

  world.cut(*world.cluster);
  world.cluster->reachable = false;
  const auto revocation = world.revoke(grant, world.vendor_approver);
  REQUIRE(world.put(*world.carol, revocation).has_value());
  world.cluster->reachable = true;
  world.pass(5s);
  CHECK_FALSE(world.cluster->hears(grant));
  CHECK(world.cluster->hears(revocation));
}

TEST_CASE("coordinator: a node that vanished is noticed within 25 s, on both sides") {
  Story world;
  world.pass(1h);
  const auto nodes = world.core->counters().nodes_connected;
  REQUIRE(world.cluster->client->connected());
  world.cluster->connection.reset();  // no FIN: bytes of both ends are lost
  world.cluster->reachable = false;
  world.pass(25s);
  CHECK_FALSE(world.cluster->client->connected());
  CHECK(world.core->counters().nodes_connected == nodes - 1);
  CHECK(world.laptop->client->connected());
  world.cluster->reachable = true;
  world.pass(Backoff::kSteady);
  CHECK(world.cluster->client->connected());
  CHECK(world.core->counters().nodes_connected == nodes);
}

TEST_CASE("coordinator: a restart loses nothing and everyone is back within 5 s") {
  Story world;
  const auto grant = world.granted();
  const auto lines = world.audit_lines().size();
  const auto cluster = world.cluster->view;
  const auto laptop = world.laptop->view;
  world.restart();
  world.pass(5s);
  CHECK(world.cluster->client->connected());
  CHECK(world.laptop->client->connected());
  CHECK(world.cluster->view == cluster);
  CHECK(world.laptop->view == laptop);
  CHECK(world.lease(*world.cluster, {grant_id(grant)})->grants.size() == 1);
  CHECK(world.audit_lines().size() >= lines);

  const auto revocation = world.revoke(grant, world.vendor_approver);
  REQUIRE(world.put(*world.carol, revocation).has_value());
  world.restart();
  world.pass(5s);
  CHECK_FALSE(world.cluster->hears(grant));
  CHECK(world.cluster->hears(revocation));
  CHECK(world.lease(*world.cluster, {grant_id(grant)})->grants.empty());
}

TEST_CASE("coordinator: a statement that the store refused has no effect") {
  Story world;
  const auto note = world.request(*world.laptop, *world.site);
  world.store.set_failing(true);
  const auto refused = world.put(*world.laptop, note);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK_FALSE(world.laptop->hears(note));
  world.store.set_failing(false);
  world.pass(1s);  // time for a new attempt to write
  REQUIRE(world.put(*world.laptop, note).has_value());
  CHECK(world.laptop->hears(note));
}

TEST_CASE("coordinator: audit uploads are kept once, and by site") {
  Story world;
  audit::Entry entry;
  entry.at = world.now.wall;
  entry.kind = audit::Kind::kFlowOpen;
  entry.site = "acme.byoc.example.com";
  const auto line = audit::render(entry);
  REQUIRE(world.answer(*world.cluster, world.cluster->client->upload_audit(0, {line, line})));
  const auto again =
      world.answer(*world.cluster, world.cluster->client->upload_audit(1, {line, line}));
  REQUIRE(again.has_value());
  CHECK(again->next == 3);
  std::size_t kept = 0;
  for (const auto& found : world.audit_lines()) kept += found == line ? 1U : 0U;
  CHECK(kept == 3);
  CHECK_FALSE(world.answer(*world.cluster, world.cluster->client->upload_audit(3, {"rubbish"})));
}

TEST_CASE("coordinator: rubbish on a connection ends that connection alone") {
  Story world;
  const ConnectionId id{999'999};
  world.core->handle_opened(world.now, id, "stranger");
  world.core->handle_message(world.now, id, Bytes(96, 1));
  world.core->handle_timeout(world.now);
  const auto effects = world.core->take_effects();
  REQUIRE(effects.size() == 1);
  CHECK(std::holds_alternative<CloseIt>(effects[0]));
  CHECK(world.core->counters().malformed == 1);

  // A connection without a hello is closed.
  world.core->handle_opened(world.now, id, "stranger");
  const auto before = world.core->counters().connections;
  world.pass(16s);
  CHECK(world.core->counters().connections == before - 1);
  CHECK(world.cluster->client->connected());
}

TEST_CASE("coordinator: a stranger's device leaves nothing in the audit log") {
  Story world;
  const auto before = world.audit_lines().size();
  for (int i = 0; i < 20; ++i) {
    auto& party = world.device("stranger-" + std::to_string(i), "mallory@vendor.example", false);
    CHECK(party.client->connected());
  }
  CHECK(world.audit_lines().size() == before);
}

TEST_CASE("coordinator: an agent that calls itself a device is told nothing of other sites") {
  Story world;
  world.add_site("other.byoc.example.com");
  const auto& keys = *world.cluster->keys;
  trust::Node device;
  device.kind = trust::NodeKind::kDevice;
  device.vendor_id = world.vendor_id;
  device.name = label("cluster-1");
  device.identity = keys.identity.public_key();
  device.wireguard = keys.wireguard.public_key;
  device.control = keys.control.public_key;
  device.relay = keys.relay.public_key;
  device.disco = keys.disco.public_key;
  device.person = person("mallory@vendor.example");
  device.issued = world.now.wall;
  device.expires = world.now.wall + std::chrono::hours(24);
  const auto note =
      trust::sign_statement(device, trust::Signer{"cluster-1", keys.identity}).value();
  world.cluster->client->set_node(note::render(note), std::nullopt);
  world.cut(*world.cluster);
  world.pass(10s);
  auto& agent = *world.cluster;
  for (const char* name : {"other.byoc.example.com", "acme.byoc.example.com"}) {
    CHECK_FALSE(world.answer(agent, agent.client->site_info(name)).has_value());
  }
  CHECK_FALSE(world.ticket(agent).has_value());
}

TEST_CASE("coordinator: the log names who has revoked, not who a line says") {
  Story world;
  const auto grant = world.granted();
  auto note = note::parse(world.revoke(grant, world.vendor_approver)).value();
  const auto unknown = crypto::SigningKey::generate(world.rng);
  note.signatures.insert(note.signatures.begin(),
                         note::sign(note.text, "innocent@acme.example", unknown));
  REQUIRE(world.put(*world.carol, note::render(note)).has_value());
  CHECK_FALSE(mentions(world.audit_lines(), "innocent@acme.example"));
  std::size_t named = 0;
  for (const auto& line : world.audit_lines()) {
    const auto entry = audit::parse_entry(line).value();
    if (entry.kind != audit::Kind::kRevocation) continue;
    ++named;
    CHECK(entry.who == world.vendor_approver.who.str());
  }
  CHECK(named == 1);
}

TEST_CASE("coordinator: the operator's mistakes are refused with a reason") {
  World world;
  CHECK(add_vendor(world.now, world.store, "rubbish").error().code == ErrorCode::kInvalid);
  World other(2);
  CHECK(add_vendor(world.now, world.store, other.vendor_note).error().code == ErrorCode::kConflict);
  auto& foreign = other.add_site("acme.byoc.example.com");
  CHECK(coordinator::add_site(world.now, world.store, foreign.bundle()).error().code ==
        ErrorCode::kConflict);
  MemoryStore empty;
  CHECK(coordinator::add_site(world.now, empty, foreign.bundle()).error().code ==
        ErrorCode::kNotFound);
  auto& site = world.add_site("acme.byoc.example.com");
  CHECK(coordinator::add_site(world.now, world.store, site.bundle()).has_value());  // a second time
  const auto summary = summarize(world.now, world.store,
                                 {world.control_key.public_key, world.lease_key.public_key(), {}});
  REQUIRE(summary.has_value());
  CHECK(summary->sites.size() == 1);
  REQUIRE(summary->warnings.size() == 1);
  CHECK(summary->warnings[0].find("ticket") != std::string::npos);
}

}  // namespace
}  // namespace culvert::coordinator::test
