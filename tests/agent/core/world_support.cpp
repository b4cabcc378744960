#include "tests/agent/core/world_support.hpp"

#include <catch2/catch.hpp>

#include "agent/store/memory.hpp"
#include "proto/core/overloaded.hpp"
#include "proto/ip/build.hpp"

namespace culvert::agent::test {
namespace {

using trust::Group;

using ceremony::fqdn;
using ceremony::listed;
using ceremony::make_holder;
using ceremony::sign;

}  // namespace

Bytes tcp(const Endpoint& from, const Endpoint& to, unsigned flags) {
  return ip::tcp_packet(from, to, {static_cast<std::uint8_t>(flags), 1, 0, 1024}, {});
}

bool Agent::has(audit::Kind kind) const {
  for (const audit::Entry& entry : audit.entries()) {
    if (entry.kind == kind) return true;
  }
  return false;
}

World::World()
    : vendor_root_(make_holder("root@vendor.example", rng)),
      carol_(make_holder("carol@vendor.example", rng)),
      admission_(make_holder("admission@vendor.example", rng)),
      directory_(make_holder("directory@vendor.example", rng)),
      lease_(make_holder("lease@vendor.example", rng)),
      ticket_(make_holder("ticket@vendor.example", rng)),
      site_root_(make_holder("root@acme.example", rng)),
      bob_(make_holder("bob@acme.example", rng)),
      enrolment_(make_holder("enrolment@acme.example", rng)),
      site_lease_(make_holder("lease@acme.example", rng)) {
  now.wall = *parse_time("2026-11-21T15:00:00Z");
  control_key_ = control::noise::KeyPair::generate(rng);
  relay_key_ = derp::RelayKeyPair::generate(rng);
  make_vendor();
  make_site();
  make_tokens();
  start_coordinator();
  const std::vector<note::KnownKey> tickets{{ticket_.who.str(), ticket_.key.public_key()}};
  const auto verifier = [tickets, key = relay_key_.public_key](
                            ByteView note, Now at) -> Result<derp::TicketFacts> {
    const auto ticket = trust::verify_ticket(text(note), tickets, key, at.wall);
    if (!ticket) return fail_with(ticket.error());
    return derp::TicketFacts{ticket->node, ticket->peers, ticket->expires, ticket->rate};
  };
  relay_ = std::make_unique<relay::Core>(relay::Options{relay_key_.clone()}, verifier, rng);
  site.endpoint = *parse_endpoint("10.0.0.1:1000");
  laptop.endpoint = *parse_endpoint("10.0.0.2:1000");
  site.options.role = Role::kSite;
  site.options.name = "agent-1";
  site.options.token = agent_token_;
  site.options.pinned_root = trust::to_hash(site_ref.id);
  site.options.services = {{"api"}, {"db"}};
  laptop.options.role = Role::kDevice;
  laptop.options.name = "alice-laptop";
  laptop.options.token = device_token_;
}

void World::make_vendor() {
  auto root = ceremony::vendor_root("vendor.example", now.wall);
  root.keys = {listed(Group::kRoot, vendor_root_),
               listed(Group::kApprovers, carol_),
               listed(Group::kDeviceAdmission, admission_),
               listed(Group::kDirectory, directory_),
               listed(Group::kLease, lease_),
               listed(Group::kTicket, ticket_)};
  vendor_note_ = sign(root, vendor_root_);
  vendor_id = trust::to_vendor_id(note::hash(vendor_note_));
  const auto places = ceremony::places(vendor_id, kUrl, control_key_.public_key, now.wall);
  places_note_ = sign(places, directory_);
}

void World::make_site() {
  auto root = ceremony::site_root(kSite, "acme.example", vendor_id, now.wall);
  root.keys = {listed(Group::kRoot, site_root_), listed(Group::kApprovers, bob_),
               listed(Group::kEnrolment, enrolment_), listed(Group::kLease, site_lease_)};
  site_root_note_ = sign(root, site_root_);
  site_ref = {root.name, trust::to_site_id(note::hash(site_root_note_))};

  site_note_ = sign(trust::Site{vendor_id, site_ref, now.wall}, directory_);
  const auto tag = ceremony::label("agent");
  policy = ceremony::first_policy(
      site_ref,
      {trust::PolicyService::of(fqdn(kApi), trust::Protocol::kTls, 443, tag),
       trust::PolicyService::of(fqdn(kDb), trust::Protocol::kTcp, 5432, tag)},
      "oncall", now.wall);
  policy.lease = 6s;
  policy_note_ = sign(policy, site_root_);
}

void World::make_tokens() {
  const auto one_time = crypto::SigningKey::generate(rng);
  const auto enrolment =
      ceremony::enrolment(site_ref, "agent-1", "agent", one_time.public_key(), now.wall);
  agent_token_ = ceremony::agent_token(site_ref, kUrl, one_time,
                                       {vendor_note_, places_note_, site_root_note_, policy_note_,
                                        sign(enrolment, enrolment_)})
                     .render();
  device_token_ = ceremony::device_token(vendor_id, kUrl, "alice@vendor.example", "oncall",
                                         {vendor_note_, places_note_})
                      .render();
}

void World::put(const note::Note& note) {
  coordinator::Batch batch;
  batch.put.push_back({note::hash(note), note::render(note), now.wall});
  store.commit_elsewhere(batch);
  if (coordinator) REQUIRE(coordinator->reload(now));
}

void World::start_coordinator() {
  if (!coordinator) {
    coordinator::CoreOptions options{
        control_key_.clone(),
        lease_.key.clone(),
        ticket_.key.clone(),
        {{"relay-1", "relay.vendor.example", 7444, 0, relay_key_.public_key, {}}}};
    coordinator = std::make_unique<coordinator::Core>(std::move(options), store, rng);
    for (const note::Note* note :
         {&vendor_note_, &places_note_, &site_root_note_, &site_note_, &policy_note_}) {
      put(*note);
    }
    REQUIRE(coordinator->load(now));
  }
}

void World::stop_coordinator() {
  coordinator.reset();
  for (Agent* agent : {&site, &laptop}) {
    for (const auto& [ours, theirs] : std::exchange(agent->control, {})) {
      if (agent->core) agent->core->handle_control_closed(now, ours, "connection reset");
    }
  }
}

Status World::start(Agent& agent) {
  stop(agent);
  auto core =
      Core::start(agent.options, {agent.site_store, agent.node_store, agent.audit, rng}, now);
  if (!core) return fail_with(core.error());
  agent.core = std::move(*core);
  agent.core->handle_local_endpoints(now, {agent.endpoint});
  return {};
}

void World::stop(Agent& agent) {
  agent.core.reset();
  for (const auto& [ours, theirs] : std::exchange(agent.control, {})) {
    if (coordinator) coordinator->handle_closed(now, coordinator::ConnectionId(theirs));
  }
  for (const auto& [ours, theirs] : std::exchange(agent.relay, {}))
    relay_->handle_closed(now, theirs);
  agent.listening.clear();
}

Agent* World::owner(std::uint64_t connection, bool relay) {
  for (Agent* agent : {&site, &laptop}) {
    for (const auto& [ours, theirs] : relay ? agent->relay : agent->control) {
      if (theirs == connection) return agent;
    }
  }
  return nullptr;
}

void World::carry(Agent& agent, const Effect& effect) {
  std::visit([&](const auto& what) { carry_out(agent, what); }, effect);
}

void World::carry_out(Agent& agent, const OpenControl& open) {
  queue_.emplace_back([this, &agent, id = open.id] {
    if (!agent.core) return;
    if (!coordinator) return agent.core->handle_control_closed(now, id, "connection refused");
    agent.control[id] = ++last_connection_;
    coordinator->handle_opened(now, coordinator::ConnectionId(last_connection_), "test");
    agent.core->handle_control_open(now, id);
  });
}

void World::carry_out(Agent& agent, const SendControl& send) {
  queue_.emplace_back([this, &agent, id = send.id, message = send.message] {
    const auto known = agent.control.find(id);
    if (coordinator && known != agent.control.end()) {
      coordinator->handle_message(now, coordinator::ConnectionId(known->second), message);
    }
  });
}

void World::carry_out(Agent& agent, const CloseControl& close) {
  const auto known = agent.control.find(close.id);
  if (known == agent.control.end()) return;
  if (coordinator) coordinator->handle_closed(now, coordinator::ConnectionId(known->second));
  agent.control.erase(known);
}

void World::carry_out(Agent& agent, const OpenRelay& open) {
  queue_.emplace_back([this, &agent, id = open.id] {
    if (!agent.core) return;
    if (!relay_up) return agent.core->handle_relay_closed(now, id, "connection refused");
    agent.relay[id] = ++last_connection_;
    relay_->handle_open(now, last_connection_);
    agent.core->handle_relay_open(now, id);
  });
}

void World::carry_out(Agent& agent, const FlushRelay& waits) {
  const auto known = agent.relay.find(waits.id);
  if (!relay_up || known == agent.relay.end()) return;
  Bytes bytes;
  agent.core->pull_relay(now, waits.id, std::numeric_limits<std::size_t>::max(), bytes);
  relay_->handle_bytes(now, known->second, bytes);
}

void World::carry_out(Agent& agent, const CloseRelay& close) {
  const auto known = agent.relay.find(close.id);
  if (known == agent.relay.end()) return;
  relay_->handle_closed(now, known->second);
  agent.relay.erase(known);
}

void World::carry_out(Agent& agent, const ListenService& listen) {
  agent.listening[listen.endpoint] = listen.fqdn;
}

void World::carry_out(Agent& agent, const UnlistenService& unlisten) {
  agent.listening.erase(unlisten.endpoint);
}

void World::carry_out(Agent& agent, const CutFlows& cut) { agent.cuts.push_back(cut); }

void World::carry_out(Agent& agent, const AskLease& ask) {
  queue_.emplace_back([this, &agent, asked = ask] {
    if (!agent.core) return;
    agent.core->handle_lease_answer(
        now, lease_server ? lease_server(asked)
                          : Result<std::string>(fail(ErrorCode::kUnavailable, "refused")));
  });
}

void World::carry_out(Agent& agent, const LogLine& line) { agent.log.push_back(line); }

void World::drain(Agent& agent) {
  if (!agent.core) return;
  agent.core->drain(agent.effects);
  for (const Effect& effect : agent.effects.events) carry(agent, effect);
  Agent& other = &agent == &site ? laptop : site;
  for (const Datagram& sent : agent.effects.datagrams.items()) {
    if (*endpoint_of(sent.way) != other.endpoint || !direct_up || sent.bytes.size() > carried) {
      continue;
    }
    queue_.emplace_back([this, &other, from = UdpWay{agent.endpoint}, ecn = sent.ecn,
                         bytes = to_bytes(sent.bytes)]() mutable {
      if (!other.core) return;
      const Datagram datagram{from, bytes, congested && ecn != 0 ? std::uint8_t{3} : ecn};
      other.core->handle_datagrams(now, {&datagram, 1});
      drain(other);  // while the bytes of the packets exist
    });
  }
  for (const ByteView packet : agent.effects.mesh.items()) {
    agent.delivered.push_back(to_bytes(packet));
  }
}

void World::drain_coordinator() {
  if (!coordinator) return;
  for (coordinator::Effect& effect : coordinator->take_effects()) {
    const auto id = std::visit([](const auto& e) { return e.connection; }, effect);
    Agent* agent = owner(id.value, false);
    if (agent == nullptr || !agent->core) continue;
    for (const auto& [ours, theirs] : agent->control) {
      if (theirs != id.value) continue;
      queue_.emplace_back(
          [this, agent, ours = ours, effect] { receive_control(*agent, ours, effect); });
    }
  }
}

void World::receive_control(Agent& agent, ConnectionId id, const coordinator::Effect& effect) {
  if (!agent.core) return;
  std::visit(overloaded{[&](const coordinator::SendTo& send) {
                          agent.core->handle_control_message(now, id, send.record);
                        },
                        [&](const coordinator::CloseIt&) {
                          agent.control.erase(id);
                          agent.core->handle_control_closed(now, id, "closed by the coordinator");
                        }},
             effect);
}

void World::drain_relay() {
  relay::Effects effects;
  relay_->drain(effects);
  for (const std::uint64_t id : effects.writable) {
    Bytes out;
    relay_->pull(now, id, std::size_t{1} << 24U, out);
    Agent* agent = owner(id, true);
    if (agent == nullptr || !relay_up || out.empty()) continue;
    for (const auto& [ours, theirs] : agent->relay) {
      if (theirs != id) continue;
      queue_.emplace_back([this, agent, ours = ours, out] {
        if (!agent->core) return;
        agent->core->handle_relay_bytes(now, ours, out);
        drain(*agent);
      });
    }
  }
  for (const relay::Close& close : effects.closes) {
    Agent* agent = owner(close.id, true);
    if (agent == nullptr) continue;
    const auto ours = std::find_if(agent->relay.begin(), agent->relay.end(),
                                   [&](const auto& each) { return each.second == close.id; });
    const ConnectionId id = ours->first;
    agent->relay.erase(ours);
    if (agent->core) agent->core->handle_relay_closed(now, id, close.reason.message);
  }
}

bool World::step() {
  drain(site);
  drain(laptop);
  drain_coordinator();
  drain_relay();
  if (queue_.empty()) return false;
  const auto next = std::move(queue_.front());
  queue_.pop_front();
  next();
  return true;
}

bool World::run_until(const std::function<bool()>& done, Duration limit) {
  constexpr int kMaxSteps = 200'000;
  const Instant end = now.steady + limit;
  for (int steps = 0; !done(); ++steps) {
    REQUIRE(steps < kMaxSteps);  // more steps: some deadline never moves on
    if (step()) continue;
    Instant next = relay_->next_deadline();
    if (coordinator) next = std::min(next, coordinator->next_deadline());
    for (Agent* agent : {&site, &laptop}) {
      if (agent->core) next = std::min(next, agent->core->next_deadline());
    }
    if (now.steady >= end) return false;
    next = std::min(std::max(next, now.steady + 1ms), end);
    const std::int64_t before = now.steady.nanoseconds / 1'000'000'000;
    now.steady = next;
    now.wall.seconds += next.nanoseconds / 1'000'000'000 - before;
    if (coordinator) coordinator->handle_timeout(now);
    relay_->handle_timeout(now);
    for (Agent* agent : {&site, &laptop}) {
      if (agent->core) agent->core->handle_timeout(now);
    }
  }
  return true;
}

void World::run(Duration length) {
  const Instant end = now.steady + length;
  run_until([&] { return now.steady >= end; }, length);
}

void World::set_up() {
  const auto site_started = start(site);
  INFO((site_started ? "" : site_started.error().message));
  REQUIRE(site_started);
  const auto laptop_started = start(laptop);
  INFO((laptop_started ? "" : laptop_started.error().message));
  REQUIRE(laptop_started);
  run(1s);
  admit_laptop();
  REQUIRE(run_until([&] { return laptop.core->status(now).admitted; }, 5s));
  REQUIRE(site.core->status(now).admitted);
}

// The node statement that waits for admission is in the laptop's store; the coordinator keeps it in
// memory only.
void World::admit_laptop() {
  const auto own = Memory(laptop.site_store, laptop.node_store).own("node");
  REQUIRE(own);
  REQUIRE_FALSE(own->empty());
  put(*trust::add_signature(own->front(), admission_.signer()));
}

std::string World::request(const std::string& fqdn, std::chrono::seconds length) {
  std::string grant;
  std::string error;
  laptop.core->request(now, {fqdn, "INC-1", length, {}, {}}, [&](Result<RequestView> view) {
    if (view) grant = view->grant;
    if (!view) error = view.error().message;
  });
  run_until([&] { return !grant.empty() || !error.empty(); }, 5s);
  INFO(error);
  REQUIRE(!grant.empty());
  return grant;
}

void World::approve(const std::string& grant) {
  for (const auto& row : rows()) {
    const auto note = note::parse(row.note);
    const auto parsed = trust::Grant::parse(note->text);
    if (!parsed || parsed->id.str() != grant) continue;
    auto more = trust::add_signature(*note, bob_.signer());
    put(*trust::add_signature(*more, carol_.signer()));
    return;
  }
  FAIL("the request did not reach the coordinator");
}

void World::revoke(const std::string& grant) { put(revocation_of(grant)); }

note::Note World::revocation_of(const std::string& grant) {
  for (const auto& row : rows()) {
    const auto note = note::parse(row.note);
    const auto parsed = trust::Grant::parse(note->text);
    if (!parsed || parsed->id.str() != grant) continue;
    return *trust::revoke_grant(*parsed, vendor_id, "done", now.wall, bob_.signer());
  }
  FAIL("the coordinator does not hold the grant");
  return {};
}

std::vector<coordinator::NoteRow> World::rows() {
  auto notes = store.notes();
  REQUIRE(notes);
  return *notes;
}

std::string World::story() const {
  std::string out;
  for (const Agent* agent : {&site, &laptop}) {
    for (const LogLine& line : agent->log) {
      out += agent->options.name + ": " + line.event + " | " + line.detail + "\n";
    }
  }
  return out;
}

Endpoint World::service(const std::string& fqdn, std::uint16_t port) const {
  return {trust::service_address(site_ref.id, *trust::Fqdn::parse(fqdn)), port};
}

void World::hand_in(Agent& agent, const Bytes& packet) {
  Bytes memory(kRoomBefore + packet.size() + kRoomBehind);
  std::copy(packet.begin(), packet.end(), memory.begin() + kRoomBefore);
  const RoomyPacket roomy{memory, kRoomBefore, packet.size()};
  agent.core->handle_mesh(now, {&roomy, 1});
  drain(agent);  // while the memory of the datagram exists
}

bool World::passes_out(const Bytes& packet) {
  site.delivered.clear();
  hand_in(laptop, packet);
  return run_until([&] { return !site.delivered.empty(); }, 3s);
}

bool World::passes_back(const Bytes& packet) {
  laptop.delivered.clear();
  hand_in(site, packet);
  return run_until([&] { return !laptop.delivered.empty(); }, 3s);
}

bool World::flow_opens(const std::string& fqdn, std::uint16_t from) {
  const Endpoint to = service(fqdn, fqdn == kApi ? 443 : 5432);
  return passes_out(tcp(client(from), to, ip::kSyn)) &&
         passes_back(tcp(to, client(from), ip::kSyn | ip::kAck)) &&
         passes_out(tcp(client(from), to, ip::kAck));
}

}  // namespace culvert::agent::test
