#include "tests/support/trust_world.hpp"

#include <algorithm>

namespace culvert::trust::testing {
namespace {

crypto::SigningKey key(Rng& rng) { return crypto::SigningKey::generate(rng); }

using culvert::ceremony::listed;

Node fresh_node(Rng& rng, const crypto::SigningKey& identity, std::string_view name) {
  Node node;
  node.name = label(name);
  node.identity = identity.public_key();
  node.wireguard = x25519<crypto::WireGuardKey>(rng);
  node.control = x25519<crypto::ControlKey>(rng);
  node.relay = x25519<crypto::RelayKey>(rng);
  node.disco = x25519<crypto::DiscoKey>(rng);
  node.issued = kStart;
  return node;
}

Evidence with(Pins pins, Floors floors, const std::vector<note::Note>& notes, Now now) {
  Evidence out(pins, std::move(floors));
  for (const auto& change : out.offer_all(now, notes)) must(change);
  return out;
}

}  // namespace

World::World(std::uint64_t seed)
    : rng(seed),
      vendor_root(key(rng)),
      carol(key(rng)),
      dave(key(rng)),
      admission(key(rng)),
      directory(key(rng)),
      lease(key(rng)),
      ticket(key(rng)),
      site_root(key(rng)),
      bob(key(rng)),
      erin(key(rng)),
      enroller(key(rng)),
      one_time(key(rng)),
      agent_key(key(rng)),
      laptop_key(key(rng)) {
  vendor1 = culvert::ceremony::vendor_root("vendor.example", kStart);
  vendor1.keys = {listed(Group::kRoot, "root@vendor.example", vendor_root),
                  listed(Group::kApprovers, "carol@vendor.example", carol),
                  listed(Group::kApprovers, "dave@vendor.example", dave),
                  listed(Group::kDeviceAdmission, "admission@vendor.example", admission),
                  listed(Group::kDirectory, "directory@vendor.example", directory)};
  vendor1_note = must(sign_statement(vendor1, Signer{"root@vendor.example", vendor_root}));
  vendor_id = to_vendor_id(note::hash(vendor1_note));
  vendor2_note =
      step(vendor1, vendor1_note,
           [&](Root& root) {
             root.keys.push_back(listed(Group::kLease, "coordinator@vendor.example", lease));
             root.keys.push_back(listed(Group::kTicket, "coordinator@vendor.example", ticket));
           },
           {&vendor_root});
  vendor2 = must(Root::parse(vendor2_note.text));
  places = culvert::ceremony::places(vendor_id, "https://coordinator.vendor.example:7443",
                                     x25519<crypto::ControlKey>(rng), kStart);
  places_note = must(sign_statement(places, Signer{"directory@vendor.example", directory}));

  site1 = culvert::ceremony::site_root("acme.us-east-1.byoc.example.com", "acme.example", vendor_id,
                                       kStart);
  site1.keys = {listed(Group::kRoot, "root@acme.example", site_root),
                listed(Group::kApprovers, "bob@acme.example", bob),
                listed(Group::kApprovers, "erin@acme.example", erin),
                listed(Group::kEnrolment, "bob@acme.example", enroller)};
  site1_note = must(sign_statement(site1, Signer{"root@acme.example", site_root}));
  site = {site1.name, to_site_id(note::hash(site1_note))};
  site_note = must(
      sign_statement(Site{vendor_id, site, kStart}, Signer{"directory@vendor.example", directory}));

  const auto api = fqdn("api." + site.name.str());
  const auto db = fqdn("db." + site.name.str());
  policy = culvert::ceremony::first_policy(
      site,
      {PolicyService::of(api, Protocol::kTls, 443, label("cluster")),
       PolicyService::of(db, Protocol::kTcp, 5432, label("cluster"))},
      "engineers", kStart);
  policy.allows[1].vendor = 2;  // approvals for the database
  policy_note = must(sign_statement(policy, Signer{"root@acme.example", site_root}));

  enrolment =
      culvert::ceremony::enrolment(site, "cluster-1", "cluster", one_time.public_key(), kStart);
  enrolment.tags.push_back(label("edge"));
  enrolment_note = must(sign_statement(enrolment, Signer{"bob@acme.example", enroller}));

  enrolled = {site, note::hash(enrolment_note), agent_key.public_key(), enrolment.name, kStart};
  enrolled_note = sign_enrolled(enrolled);

  agent = fresh_node(rng, agent_key, "cluster-1");
  agent.kind = NodeKind::kAgent;
  agent.site = site;
  agent.enrolled = note::hash(enrolled_note);
  agent.tags = {label("cluster")};
  agent.expires = kStart + kMaxAgentLife;
  agent_note = sign_agent(agent);
  laptop = fresh_node(rng, laptop_key, "alice-laptop");
  laptop.vendor_id = vendor_id;
  laptop.person = person("alice@vendor.example");
  laptop.groups = {label("engineers")};
  laptop.expires = kStart + kDefaultDeviceLife;
  laptop_note = sign_laptop(laptop);

  service.site = site;
  service.node = agent.identity;
  service.issuer = {0x30, 0x03, 0x01, 0x02, 0x03};
  service.services = {api, db};
  service.issued = kStart;
  service.expires = kStart + kMaxAgentLife;
  service_note = sign_service(service);
}

note::Note World::step(const Root& from, const note::Note& from_note,
                       const std::function<void(Root&)>& edit,
                       std::vector<const crypto::SigningKey*> keys) {
  auto next = next_epoch(from, note::hash(from_note));
  edit(next);
  std::sort(next.keys.begin(), next.keys.end());
  std::vector<Signer> by;
  for (const auto* k : keys) by.push_back({"root", *k});
  return must(sign_statement(next, by));
}

note::Note World::next_policy(const std::function<void(Policy&)>& edit) {
  auto next = policy;
  next.previous = note::hash(policy_note);
  ++next.serial;
  edit(next);
  next.sort();
  policy = next;
  policy_note = must(sign_statement(next, Signer{"root@acme.example", site_root}));
  return policy_note;
}

note::Note World::sign_enrolled(const Enrolled& statement) {
  const std::vector<Signer> by = {{statement.name.str(), agent_key}, {"enrolment", one_time}};
  return must(sign_statement(statement, by));
}
note::Note World::sign_agent(const Node& node) {
  return must(sign_statement(node, Signer{node.name.str(), agent_key}));
}
note::Note World::sign_laptop(const Node& node) {
  const std::vector<Signer> by = {{node.name.str(), laptop_key},
                                  {"admission@vendor.example", admission}};
  return must(sign_statement(node, by));
}
note::Note World::sign_service(const Service& statement) {
  return must(sign_statement(statement, Signer{agent.name.str(), agent_key}));
}

GrantRequest World::request(std::chrono::seconds length) {
  GrantRequest out;
  out.site = site;
  out.service = policy.services[0].name;
  out.reason = "INC-123 EBS mount failures on node 7";
  out.length = length;
  out.policy = note::hash(policy_note);
  return out;
}
note::Note World::ask(const GrantRequest& wanted) {
  return must(make_grant_request(wanted, laptop, laptop_key, now.wall, rng));
}
note::Note World::ask(std::chrono::seconds length) { return ask(request(length)); }

note::Note World::approve(note::Note note, const crypto::SigningKey& by, std::string name) {
  return must(add_signature(std::move(note), {std::move(name), by}));
}
note::Note World::approved(std::chrono::seconds length) {
  return approve(approve(ask(length), carol), bob);
}

std::vector<note::Note> World::everything() const {
  return {vendor1_note,   vendor2_note,  places_note, site_note,    site1_note, policy_note,
          enrolment_note, enrolled_note, agent_note,  service_note, laptop_note};
}

Evidence World::agent_evidence(Floors floors) {
  return with({note::hash(site1_note), {}, false}, std::move(floors), everything(), now);
}
Evidence World::laptop_evidence(Floors floors) {
  return with({{}, to_hash(vendor_id), false}, std::move(floors), everything(), now);
}
Evidence World::observer_evidence(Floors floors) {
  return with({{}, to_hash(vendor_id), true}, std::move(floors), everything(), now);
}

void World::pass(std::chrono::seconds time) {
  now.steady += time;
  now.wall = now.wall + time;
}

GrantId id_of(const note::Note& grant) { return must(Grant::parse(grant.text)).id; }

bool is_live(const Evidence& evidence, const GrantId& id, Now now) {
  const auto live = evidence.live(now);
  return std::any_of(live.begin(), live.end(), [&](const auto& l) { return l.grant.id == id; });
}

std::optional<ErrorCode> refusal(Evidence& evidence, const note::Note& note, Now now) {
  const auto change = evidence.offer(now, note);
  if (change) return std::nullopt;
  return change.error().code;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  if (at == std::string::npos) throw std::runtime_error("nothing to replace: " + std::string(what));
  return text.replace(at, what.size(), with);
}

}  // namespace culvert::trust::testing
