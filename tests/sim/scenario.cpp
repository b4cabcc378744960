// The story: what is set up, what goes wrong, and what must be true afterwards.
#include <algorithm>

#include "tests/sim/world.hpp"

namespace culvert::sim {
namespace {

constexpr Duration kAnswered = 3s;  // a flow that works has heard something in the last …

Duration between(Rng& rng, Duration least, Duration most) {
  const auto span = static_cast<std::uint64_t>((most - least).count());
  return least + Duration{static_cast<std::int64_t>(rng.below(span + 1))};
}

}  // namespace

Pair World::pair_of(const AgentHost& laptop, const KnownService& service) const {
  return {laptop.mesh_address(), service.endpoint};
}

void World::ask_for_everything(std::chrono::seconds duration) {
  for (const auto& laptop : laptops_) {
    if (!laptop->running()) continue;
    for (const auto& service : services_) {
      const auto now = laptop->now();
      if (oracle_.in_force(now.steady, now.wall + 60s, pair_of(*laptop, service))) continue;
      laptop->request(service, duration);
    }
  }
}

// --- act one ---

void World::set_up() {
  for (auto* host : hosts_) host->start();
  watch();
  run_for(10s);
  for (const auto& host : agents_) {
    if (!host->status().admitted) oracle_.violation(host->name() + " is not enrolled after 10 s");
  }
  for (const auto& host : laptops_) {
    if (!host->status().admitted) oracle_.violation(host->name() + " is not admitted after 10 s");
    const auto& service = pick(services_);  // each draw a statement: arguments have no order
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
    run_for(between(rng_, 200ms, 4s));
  }
}

void World::crash_for(Host& host, Duration time) {
  if (!host.running()) return;
  host.crash();
  watch();
  network_.after(time, [&host] {
    if (!host.running()) host.start();
  });
}

void World::cut_for(Host& a, Host& b, bool udp_only, Duration time) {
  if (&a == &b) return;
  say("cut between " + a.name() + " and " + b.name() + (udp_only ? ", UDP only" : ""));
  const auto set = [this, a = a.id(), b = b.id(), udp_only](bool cut) {
    if (udp_only) {
      network_.set_udp_cut(a, b, cut);
    } else {
      network_.set_cut(a, b, cut);
    }
  };
  set(true);
  watch();
  network_.after(time, [set] { set(false); });
}

void World::revoke_something() {
  auto& laptop = *pick(laptops_);
  if (!laptop.running()) return;
  for (const auto& grant : oracle_.grants_of(pair_of(laptop, pick(services_)))) {
    const auto now = laptop.now();
    if (!oracle_.live(now.steady, now.wall, grant)) continue;
    for (const auto& person : people_) {
      if (chance(50)) return person->revoke(grant);
    }
  }
}

void World::deny_something() {
  auto& laptop = *pick(laptops_);
  auto& agent = *pick(agents_);
  if (!laptop.running()) return;
  const auto grants = oracle_.grants_of(pair_of(laptop, pick(services_)));
  if (!grants.empty()) agent.deny(grants.back());
}

void World::one_fault() {
  auto& agent = *pick(agents_);
  auto& laptop = *pick(laptops_);
  auto& any = chance(50) ? agent : laptop;
  if (chance(30)) network_.replay(50);
  switch (rng_.below(14)) {
    case 0:
      return crash_for(*coordinator_, between(rng_, 100ms, 15s));
    case 1:
      if (chance(30)) return crash_for(*coordinator_, between(rng_, 30s, 45s));
      return crash_for(*relay_, between(rng_, 100ms, 10s));
    case 2:
      return crash_for(any, between(rng_, 50ms, 10s));
    case 3:
      return cut_for(any, *coordinator_, false, between(rng_, 1s, 40s));
    case 4:
      return cut_for(any, *relay_, false, between(rng_, 1s, 30s));
    case 5:
      return cut_for(agent, laptop, true, between(rng_, 1s, 30s));
    case 6:
      return cut_for(agent, laptop, false, between(rng_, 1s, 20s));
    case 7: {
      network_.set_weather({between(rng_, 1ms, 80ms), between(rng_, 1ms, 100ms),
                            static_cast<unsigned>(rng_.below(30)),
                            static_cast<unsigned>(rng_.below(20)),
                            static_cast<unsigned>(rng_.below(5))});
      return say("the weather changes");
    }
    case 8:
      return any.move_to(IpAddress::v4(203, 0, 113, static_cast<std::uint8_t>(++moves_)));
    case 9:
      return revoke_something();
    case 10:
      return deny_something();
    case 11: {
      agent.lock(true);
      network_.after(between(rng_, 500ms, 10s), [&agent] { agent.lock(false); });
      return;
    }
    case 12: {
      any.set_audit_failing(true);
      network_.after(between(rng_, 1s, 60s), [&any] { any.set_audit_failing(false); });
      return;
    }
    default: {
      const auto& service = pick(services_);
      return laptop.request(service, std::chrono::seconds(20 + rng_.below(300)));
    }
  }
}

// --- act three ---

void World::calm_down() {
  say("the faults stop");
  network_.heal();
  network_.set_weather({});
  for (const auto& host : agents_) host->set_audit_failing(false);
  for (const auto& host : laptops_) host->set_audit_failing(false);
  for (auto* host : hosts_) {
    if (!host->running()) host->start();
  }
  for (const auto& host : agents_) host->lock(false);
  watch();
  run_for(kRecovery);
  expect_talking(network_.now() - kAnswered, "after the faults");

  say("everything is asked for");
  ask_for_everything(600s);
  run_for(kRecovery);
  expect_talking(network_.now() - kAnswered, "with new grants");
  run_for(kDirect);
  expect_direct();
  expect_audit_uploaded();
  expect_kept();
}

void World::expect_talking(Instant since, const std::string& when) {
  std::size_t pairs = 0;
  for (const auto& laptop : laptops_) {
    for (const auto& service : services_) {
      const auto now = laptop->now();
      // Not those that may end in these seconds, by some host's clock.
      if (!oracle_.in_force(now.steady, now.wall + 5s, pair_of(*laptop, service))) continue;
      ++pairs;
      if (!laptop->heard_since(service.fqdn, since)) {
        oracle_.violation(when + " " + laptop->name() + " cannot reach " + service.fqdn);
      }
    }
  }
  if (pairs == 0 && when != "after the faults") oracle_.violation(when + " nothing is granted");
}

void World::expect_direct() {
  for (const auto& laptop : laptops_) {
    for (const auto& peer : laptop->status().peers) {
      if (peer.path != agent::PathKind::kDirect) {
        oracle_.violation(laptop->name() + " has no direct path to " + peer.name);
      }
    }
  }
}

// Every agent's log is at the coordinator: whole, in order, once. What is written last takes a
// moment to get there.
void World::expect_audit_uploaded() {
  auto missing = not_uploaded();
  for (int i = 0; i < 10 && !missing.empty(); ++i) {
    run_for(500ms);
    missing = not_uploaded();
  }
  for (const auto& what : missing) oracle_.violation(what);
}

std::vector<std::string> World::not_uploaded() {
  std::map<std::string, std::vector<std::string>> uploaded;
  for (std::uint64_t after = 0;;) {
    const auto page = must(coordinator_->store().audit({std::nullopt, after}));
    if (page.empty()) break;
    for (const auto& row : page) uploaded[row.row.source].push_back(row.row.line);
    after = page.back().number;
  }
  std::vector<std::string> missing;
  const auto check = [&](const AgentHost& host) {
    const auto& lines = uploaded[host.status().identity];
    const auto& entries = host.audit().entries();
    bool same = lines.size() == entries.size();
    for (std::size_t i = 0; same && i < lines.size(); ++i) {
      same = lines[i] == audit::render(entries[i]);
    }
    if (same) return;
    missing.push_back("the coordinator has " + std::to_string(lines.size()) + " of " +
                      std::to_string(entries.size()) + " audit lines of " + host.name());
  };
  for (const auto& host : agents_) check(*host);
  for (const auto& host : laptops_) check(*host);
  return missing;
}

// What the coordinator has confirmed to somebody is in its store, with their signature.
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
