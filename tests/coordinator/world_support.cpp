#include "tests/coordinator/world_support.hpp"

#include <catch2/catch.hpp>

#include "proto/core/overloaded.hpp"

namespace culvert::coordinator::test {
namespace {

using ceremony::listed;
using ceremony::make_holder;
using ceremony::must;

template <class Statement>
std::string sign(const Statement& statement, std::vector<trust::Signer> signers) {
  const auto note = trust::sign_statement(statement, std::span<const trust::Signer>(signers));
  if (!note) FAIL(note.error().message);
  return note::render(*note);
}

control::NoteId id_of(const std::string& note) { return note::hash(note::parse(note).value()); }

}  // namespace

TestSite::TestSite(const std::string& name, Rng& rng)
    : root(make_holder("root@customer.example", rng)),
      approver(make_holder("bob@customer.example", rng)),
      enroller(make_holder("enrol@customer.example", rng)),
      made() {
  ref.name = fqdn(name);
}

std::string TestSite::bundle() const { return root_note + "\n" + site_note + "\n" + policy_note; }

bool Party::hears(const std::string& note) const { return view.contains(id_of(note)); }

World::World(std::uint64_t seed)
    : rng(seed),
      vendor_root(make_holder("root@vendor.example", rng)),
      vendor_approver(make_holder("carol@vendor.example", rng)),
      admission(make_holder("it@vendor.example", rng)),
      directory(make_holder("directory@vendor.example", rng)),
      control_key(crypto::KeyPair<crypto::ControlKey>::generate(rng)),
      lease_key(crypto::SigningKey::generate(rng)),
      ticket_key(crypto::SigningKey::generate(rng)),
      relay_key(crypto::KeyPair<crypto::RelayKey>::generate(rng)) {
  make_vendor();
  core = std::make_unique<Core>(options(), store, rng);
  REQUIRE(core->load(now).has_value());
}

void World::make_vendor() {
  auto root = ceremony::vendor_root("vendor.example", now.wall - std::chrono::hours(1));
  root.keys = {listed(trust::Group::kRoot, vendor_root),
               listed(trust::Group::kApprovers, vendor_approver),
               listed(trust::Group::kDeviceAdmission, admission),
               listed(trust::Group::kDirectory, directory),
               listed(trust::Group::kLease, "lease@vendor.example", lease_key),
               listed(trust::Group::kTicket, "ticket@vendor.example", ticket_key)};
  vendor_note = sign(root, {vendor_root.signer()});
  vendor_id = trust::to_vendor_id(id_of(vendor_note));
  const auto places = ceremony::places(vendor_id, "https://control.example:7443",
                                       control_key.public_key, root.issued);
  vendor_bundle = vendor_note + "\n" + sign(places, {directory.signer()});
  must(add_vendor(now, store, vendor_bundle));
}

CoreOptions World::options() const {
  control::RelayInfo relay{"eu", "relay.example", 7444, 3478, relay_key.public_key, {}};
  return {control_key.clone(), lease_key.clone(), ticket_key.clone(), {relay}};
}

TestSite& World::add_site(const std::string& name) {
  sites.emplace_back(name, rng);
  auto& site = sites.back();
  auto root =
      ceremony::site_root(name, "customer.example", vendor_id, now.wall - std::chrono::hours(1));
  root.keys = {listed(trust::Group::kRoot, site.root),
               listed(trust::Group::kApprovers, site.approver),
               listed(trust::Group::kEnrolment, site.enroller)};
  site.root_note = sign(root, {site.root.signer()});
  site.ref.id = trust::to_site_id(id_of(site.root_note));

  site.site_note = sign(trust::Site{vendor_id, site.ref, now.wall}, {directory.signer()});
  std::vector<trust::PolicyService> services;
  for (const std::string service : {"api", "db"}) {
    services.push_back(trust::PolicyService::of(fqdn(service + "." + name), trust::Protocol::kTcp,
                                                443, label("cluster")));
  }
  const auto policy = ceremony::first_policy(site.ref, std::move(services), "engineers", now.wall);
  site.policy_note = sign(policy, {site.root.signer()});
  site.policy = id_of(site.policy_note);

  site.made = now.wall;
  must(coordinator::add_site(now, store, site.root_note + "\n" + site.site_note));
  if (core) reload();
  return site;
}

Party& World::connect(Party party) {
  auto key = party.keys ? party.keys->control.clone() : control::noise::KeyPair::generate(rng);
  if (!party.client) {
    party.client = std::make_unique<control::Client>(
        control::ClientOptions{std::move(key), control_key.public_key, {}}, rng);
  }
  parties.push_back(std::move(party));
  auto& kept = parties.back();
  kept.client->start(now.steady);
  return kept;
}

// The notes for the enrolment of an agent with this name: policy, enrolment and `enrolled`.
std::vector<std::string> World::enrol(const TestSite& site, const std::string& name,
                                      const crypto::SigningKey& identity) {
  const auto one_time = crypto::SigningKey::generate(rng);
  auto enrolment = ceremony::enrolment(site.ref, name, "cluster", one_time.public_key(), site.made);
  enrolment.not_before = site.made - std::chrono::minutes(1);
  const auto enrolment_note = sign(enrolment, {site.enroller.signer()});
  const trust::Enrolled enrolled{site.ref, id_of(enrolment_note), identity.public_key(),
                                 enrolment.name, site.made};
  return {site.policy_note, enrolment_note,
          sign(enrolled, {{name, identity}, {"one-time", one_time}})};
}

Party& World::agent(TestSite& site, const std::string& name) {
  Party party;
  party.name = name;
  party.keys = std::make_unique<NodeKeys>(rng);
  auto& node = party.node = ceremony::make_node(*party.keys, name, now.wall);
  node.kind = trust::NodeKind::kAgent;
  node.site = site.ref;
  party.enrolment = enrol(site, name, party.keys->identity);
  node.enrolled = id_of(party.enrolment.back());
  node.tags = {label("cluster")};
  node.expires = now.wall + std::chrono::hours(24 * 20);
  const auto note = sign(node, {{name, party.keys->identity}});
  party.client = std::make_unique<control::Client>(
      control::ClientOptions{party.keys->control.clone(), control_key.public_key, {}}, rng);
  const auto rests_on = party.enrolment[1] + "\n" + party.enrolment[2];
  // The limit of an agent.
  const bool fits = party.enrolment[0].size() + rests_on.size() < (48U << 10U);
  party.client->set_node(note, fits ? party.enrolment[0] + "\n" + rests_on : rests_on);
  auto& connected = connect(std::move(party));
  pump();
  return connected;
}

std::string World::publish(Party& agent, const TestSite& site) {
  trust::Service service;
  service.site = site.ref;
  service.node = agent.node.identity;
  service.services = {fqdn("api." + site.ref.name.str()), fqdn("db." + site.ref.name.str())};
  service.issued = now.wall;
  service.expires = now.wall + std::chrono::hours(24);
  const auto note = sign(service, {{agent.name, agent.keys->identity}});
  const auto done = put(agent, note);
  if (!done) FAIL(done.error().message);
  return note;
}

Party& World::device(const std::string& name, const std::string& who, bool admit) {
  Party party;
  party.name = name;
  party.keys = std::make_unique<NodeKeys>(rng);
  auto& node = party.node = ceremony::make_node(*party.keys, name, now.wall);
  node.kind = trust::NodeKind::kDevice;
  node.vendor_id = vendor_id;
  node.person = person(who);
  node.groups = {label("engineers")};
  node.expires = now.wall + std::chrono::hours(20);
  const auto note = sign(node, {{name, party.keys->identity}});
  party.client = std::make_unique<control::Client>(
      control::ClientOptions{party.keys->control.clone(), control_key.public_key, {}}, rng);
  party.client->set_node(note, std::nullopt);
  auto& connected = connect(std::move(party));
  pump();
  if (admit) {
    auto& admin = person_with(admission);
    const auto done = put(admin, sign_more(note, admission));
    if (!done) FAIL(done.error().message);
    connected.client->set_node(sign_more(note, admission), std::nullopt);
    pump();
  }
  return connected;
}

Party& World::person_with(const Holder& who) {
  Party party;
  party.name = who.who.str();
  std::vector<crypto::SigningKey> proofs;
  proofs.push_back(who.key.clone());
  party.client = std::make_unique<control::Client>(
      control::ClientOptions{control::noise::KeyPair::generate(rng), control_key.public_key,
                             std::move(proofs)},
      rng);
  auto& connected = connect(std::move(party));
  pump();
  return connected;
}

std::string World::sign_more(const std::string& text, const Holder& by) {
  const auto note = trust::add_signature(note::parse(text).value(), by.signer());
  if (!note) FAIL(note.error().message);
  return note::render(*note);
}

std::string World::request(Party& device, const TestSite& site, const std::string& service) {
  trust::GrantRequest ask;
  ask.site = site.ref;
  ask.service = fqdn(service + "." + site.ref.name.str());
  ask.reason = "INC-1";
  ask.length = std::chrono::minutes(30);
  ask.policy = site.policy;
  const auto note =
      trust::make_grant_request(ask, device.node, device.keys->identity, now.wall, rng);
  if (!note) FAIL(note.error().message);
  return note::render(*note);
}

void World::approve(const std::string& grant_note, const Holder& approver, Party& by) {
  const auto done = put(by, sign_more(grant_note, approver));
  if (!done) FAIL(done.error().message);
}

Result<control::Reply> World::put(Party& from, std::string note) {
  return answer(from, from.client->put({std::move(note)}));
}

Result<control::Reply> World::answer(Party& from, Result<control::RequestId> request) {
  if (!request) return fail_with(request.error());
  pump();
  for (const auto& event : from.events) {
    const auto* answered = std::get_if<control::Answered>(&event);
    if (answered != nullptr && answered->request == *request) return answered->reply;
  }
  const auto* lost = from.last<control::Disconnected>();
  return fail(ErrorCode::kTimeout, "no answer; " + (lost ? lost->why.message : "connected"));
}

Result<trust::Lease> World::lease(Party& agent, const std::vector<std::string>& grants) {
  const auto asked =
      agent.client->request_lease(trust::to_hash(agent.node.site.id), rng.array<32>(), grants);
  if (!asked) return fail_with(asked.error());
  pump();
  const auto* leased = agent.last<control::Leased>();
  if (leased == nullptr || leased->request != *asked) return fail(ErrorCode::kTimeout, "no lease");
  if (!leased->note) return fail_with(leased->note.error());
  return trust::Lease::parse(note::parse(*leased->note).value().text);
}

Result<trust::Ticket> World::ticket(Party& node) {
  const auto asked = node.client->request_ticket("eu");
  if (!asked) return fail_with(asked.error());
  pump();
  const auto* ticketed = node.last<control::Ticketed>();
  if (ticketed == nullptr || ticketed->request != *asked) {
    return fail(ErrorCode::kTimeout, "no ticket");
  }
  if (!ticketed->note) return fail_with(ticketed->note.error());
  const note::KnownKey key{"ticket", ticket_key.public_key()};
  return trust::verify_ticket(*ticketed->note, std::span(&key, 1), relay_key.public_key, now.wall);
}

bool World::pump_party(Party& party) {
  bool moved = false;
  while (auto output = party.client->poll_output()) {
    moved = true;
    carry_out(party, *output);
  }
  while (auto event = party.client->poll_event()) {
    moved = true;
    std::visit(
        overloaded{[&](const control::Learned& learned) { party.view[learned.id] = learned.note; },
                   [&](const control::Dropped& dropped) { party.view.erase(dropped.id); },
                   // The other events do not change the view. The tests read them in party.events.
                   [](const control::Connected&) {}, [](const control::Disconnected&) {},
                   [](const control::Synced&) {}, [](const control::Answered&) {},
                   [](const control::Leased&) {}, [](const control::Ticketed&) {}},
        *event);
    party.events.push_back(std::move(*event));
  }
  return moved;
}

void World::carry_out(Party& party, const control::Output& output) {
  std::visit(overloaded{
                 [&](const control::OpenConnection&) {
                   if (!party.reachable) {
                     const Error why{ErrorCode::kUnavailable, "unreachable"};
                     return party.client->handle_closed(now.steady, why);
                   }
                   party.connection = ConnectionId{++last_connection_};
                   core->handle_opened(now, *party.connection, party.name);
                   party.client->handle_opened(now.steady);
                 },
                 [&](const control::CloseConnection&) {
                   if (party.connection) core->handle_closed(now, *party.connection);
                   party.connection.reset();
                 },
                 [&](const control::SendRecord& send) {
                   if (party.connection) core->handle_message(now, *party.connection, send.record);
                 },
             },
             output);
}

bool World::pump_core() {
  const auto effects = core->take_effects();
  for (const auto& effect : effects) {
    const auto id = std::visit([](const auto& e) { return e.connection; }, effect);
    for (auto& party : parties) {
      if (party.connection != id) continue;
      if (party.records_left && (*party.records_left)-- == 0) {
        party.records_left.reset();
        cut(party);
        break;
      }
      std::visit(
          overloaded{
              [&](const SendTo& send) { party.client->handle_message(now.steady, send.record); },
              [&](const CloseIt&) {
                party.connection.reset();
                party.client->handle_closed(now.steady, {ErrorCode::kUnavailable, "closed"});
              }},
          effect);
      break;
    }
  }
  return !effects.empty();
}

void World::pump() {
  for (bool moved = true; moved;) {
    moved = pump_core();
    while (core->next_deadline() == Instant{}) {  // logins are served in later turns
      core->handle_timeout(now);
      moved = true;
    }
    for (auto& party : parties) moved = pump_party(party) || moved;
  }
}

void World::pass(Duration time) {
  const auto end = now.steady + time;
  const auto start = now;
  for (;;) {
    pump();
    auto next = core->next_deadline();
    for (const auto& party : parties) next = std::min(next, party.client->next_deadline());
    const auto at = std::min(std::max(next, now.steady), end);
    now = {at, start.wall + std::chrono::duration_cast<std::chrono::seconds>(at - start.steady)};
    if (next > end) return;
    if (core->next_deadline() <= at) core->handle_timeout(now);
    for (auto& party : parties) party.client->handle_timeout(at);
  }
}

void World::restart() {
  core = std::make_unique<Core>(options(), store, rng);
  REQUIRE(core->load(now).has_value());
  for (auto& party : parties) {
    if (!party.connection) continue;
    party.connection.reset();
    party.client->handle_closed(now.steady, {ErrorCode::kUnavailable, "restarted"});
  }
}

void World::reload() {
  REQUIRE(core->reload(now).has_value());
  pump();
}

void World::cut(Party& party) {
  if (!party.connection) return;
  core->handle_closed(now, *party.connection);
  party.connection.reset();
  party.client->handle_closed(now.steady, {ErrorCode::kUnavailable, "cut"});
}

std::vector<std::string> World::audit_lines() {
  std::vector<std::string> out;
  AuditFilter filter;
  for (;;) {
    const auto rows = store.audit(filter).value();
    for (const auto& stored : rows) out.push_back(stored.row.line);
    if (rows.size() < kMaxAuditPage) return out;
    filter.after = rows.back().number;
  }
}

}  // namespace culvert::coordinator::test
