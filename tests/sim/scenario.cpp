// The scenario: set-up, faults, and the checks afterwards.
#include <algorithm>

#include "proto/path/path_size.hpp"
#include "tests/sim/world.hpp"

namespace culvert::sim {
namespace {

constexpr auto kEndMargin = 2 * kMaxSkew;  // a grant may end this much earlier at another host
constexpr Duration kAnswered = 3s;         // how recently a flow that works must have had an answer

}  // namespace

Pair World::pair_of(const AgentHost& laptop, const KnownService& service) const {
  return {laptop.mesh_address(), service.endpoint};
}

void World::ask_for_everything(std::chrono::seconds duration) {
  for (const auto& laptop : laptops_) {
    if (!laptop->running()) continue;
    for (const auto& service : services_) {
      if (oracle_.in_force(laptop->now().wall + 60s, pair_of(*laptop, service))) continue;
      laptop->request(service, duration);
    }
  }
}

// --- act one ---

void World::set_up() {
  for (const auto* host : nodes()) {
    say(host->name() + " at " + places_.describe(host->place()));
  }
  for (auto* host : hosts_) host->start();
  watch();
  run_for(10s);
  for (const auto& host : agents_) {
    if (!host->status().admitted) oracle_.violation(host->name() + " is not enrolled after 10 s");
  }
  for (const auto& host : laptops_) {
    if (!host->status().admitted) oracle_.violation(host->name() + " is not admitted after 10 s");
    const auto& service = pick(services_);  // not as an argument: no fixed order
    host->request(service, std::chrono::seconds(60 + rng_.below(300)));
  }
  laptops_[0]->request(services_[0], std::chrono::seconds(600));
  run_for(kSetUp);
  expect_talking(network_.now() - kAnswered, "after the set-up");
}

// --- act two ---

void World::trouble() {
  const auto end = network_.now() + kTrouble;
  while (network_.now() < end) {
    ++faults_;
    one_fault();
    run_for(200ms + Duration{static_cast<std::int64_t>(rng_.below(3'800'000'000))});
  }
}

// --- act three ---

void World::calm_down() {
  say("the faults stop");
  network_.paths().heal();
  network_.set_weather({});
  stop_clones();
  for (auto* host : nodes()) {
    host->set_audit_failing(false);
    host->set_clock({});
    host->rest({});
  }
  for (auto* host : hosts_) {
    if (!host->running()) host->start();
  }
  for (const auto& host : agents_) host->lock(false);
  set_clocks_right();
  watch();
  run_for(kRecovery);
  expect_talking(network_.now() - kAnswered, "after the faults");
  context_.calm = network_.now();

  say("everything is asked for");
  ask_for_everything(600s);
  run_for(kRecovery);
  expect_talking(network_.now() - kAnswered, "with new grants");
  run_for(kDirect);
  expect_direct();
  say("all NATs reboot");
  for (RealmId nat = 1; nat < network_.nats().realms(); ++nat) network_.nats().reboot(nat);
  run_for(kDirect);
  expect_direct();
  expect_talking(network_.now() - kAnswered, "after all NATs have rebooted");
  stop_an_agent();
  expect_audit_uploaded();
  expect_kept();
  coordinator_trouble();
}

// Every laptop that talks to an agent learns at once that the agent stops, and finds the agent when
// the agent is back.
void World::stop_an_agent() {
  auto& agent = *pick(agents_);
  const auto identity = agent.status().identity;
  std::vector<AgentHost*> users;
  for (const auto& laptop : laptops_) {
    for (const auto& peer : laptop->status().peers) {
      if (peer.identity == identity && peer.handshake_age) users.push_back(laptop.get());
    }
  }
  agent.stop();
  run_for(2s);
  for (const auto* laptop : users) {
    for (const auto& peer : laptop->status().peers) {
      if (peer.identity != identity || peer.stopped) continue;
      oracle_.violation(laptop->name() + " does not know that " + agent.name() + " has stopped");
    }
  }
  agent.crash();
  watch();
  run_for(1s);
  agent.start();
  watch();
  run_for(kRecovery);
  expect_talking(network_.now() - kAnswered, "after an agent was stopped");
}

// Grants of parties with a wrong clock may be over already, so people request them again.
void World::set_clocks_right() {
  for (auto* host : nodes()) {
    const bool reset = host->reset_clock();
    if (!reset && !clock_was_wrong_.contains(host->id())) continue;
    if (!host->is_site()) oracle_.void_before(host->mesh_address(), network_.now());
    for (const auto& service : services_) {
      if (!host->serves(service.fqdn)) continue;
      oracle_.void_before(service.endpoint.address, network_.now());
    }
  }
}

void World::expect_talking(Instant since, const std::string& when) {
  std::size_t pairs = 0;
  for (const auto& laptop : laptops_) {
    for (const auto& service : services_) {
      const auto wall = laptop->now().wall + kEndMargin;
      if (!oracle_.in_force(wall, pair_of(*laptop, service))) continue;
      ++pairs;
      if (!laptop->heard_since(service.fqdn, since)) {
        oracle_.violation(when + " " + laptop->name() + " cannot reach " + service.fqdn);
      }
    }
  }
  if (pairs == 0 && when != "after the faults") oracle_.violation(when + " nothing is granted");
}

// Expects a direct path where the table in nat.md says so; every other pair talks through the
// relay.
void World::expect_direct() {
  for (const auto& laptop : laptops_) {
    for (const auto& peer : laptop->status().peers) {
      for (const auto& agent : agents_) {
        if (agent->status().identity != peer.identity || !must_go_direct(*laptop, *agent)) continue;
        if (peer.path == agent::PathKind::kDirect) continue;
        oracle_.violation(laptop->name() + " at " + places_.describe(laptop->place()) +
                          " has no direct path to " + agent->name() + " at " +
                          places_.describe(agent->place()));
      }
    }
  }
}

bool World::must_go_direct(const AgentHost& laptop, const AgentHost& agent) const {
  if (!places_.must_go_direct(laptop.place(), agent.place())) return false;
  if (network_.paths().carried(laptop.id(), agent.id()) < path::kLeastSize) return false;
  const auto wall = laptop.now().wall + kEndMargin;
  return std::any_of(services_.begin(), services_.end(), [&](const KnownService& service) {
    return agent.serves(service.fqdn) && oracle_.in_force(wall, pair_of(laptop, service));
  });
}

// Every agent's log must be at the coordinator: complete, in order, each line once. The latest
// lines need a moment to arrive.
void World::expect_audit_uploaded() {
  auto missing = not_uploaded();
  for (int i = 0; i < 20 && !missing.empty(); ++i) {
    run_for(300ms);  // not a multiple of the laptops' periods
    missing = not_uploaded();
  }
  for (const auto& what : missing) oracle_.violation(what);
}

std::vector<std::string> World::not_uploaded() {
  std::map<std::string, std::vector<std::string>> uploaded;
  for (std::uint64_t after = 0;;) {
    const auto page = must(coordinator_->store().audit({std::nullopt, after, std::nullopt}));
    if (page.empty()) break;
    for (const auto& row : page) uploaded[row.row.source].push_back(row.row.line);
    after = page.back().number;
  }
  std::vector<std::string> missing;
  const auto check = [&](const AgentHost& host) {
    if (host.audit_parted()) return;
    const auto& lines = uploaded[host.status().identity];
    const auto& entries = host.audit().entries();
    bool same = lines.size() == entries.size();
    std::string first_other = "none";
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto line = audit::render(entries[i]);
      if (i < lines.size() && lines[i] == line) continue;
      same = false;
      first_other = std::to_string(i) + " " + line;
      break;
    }
    if (same) return;
    missing.push_back("the coordinator has " + std::to_string(lines.size()) + " of " +
                      std::to_string(entries.size()) + " audit lines of " + host.name() +
                      "; first other one: " + first_other);
  };
  for (const auto* host : nodes()) check(*host);
  return missing;
}

// Whatever the coordinator has confirmed to a person must be in the store, with the person's
// signature.
void World::expect_kept() {
  std::map<crypto::Hash, std::string> stored;
  for (const auto& row : must(coordinator_->store().notes())) stored[row.id] = row.note;
  for (const auto& [statement, signers] : oracle_.acknowledged_notes()) {
    for (const auto& signer : signers) {
      if (stored[statement].find("\u2014 " + signer + " ") == std::string::npos) {
        oracle_.violation("a statement confirmed to " + signer + " is gone");
      }
    }
  }
}

}  // namespace culvert::sim
