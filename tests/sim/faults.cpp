// The faults of the network, of nodes and of state folders, and what people do in the meantime.
#include <algorithm>

#include "tests/sim/world.hpp"

namespace culvert::sim {
namespace {

Duration between(Rng& rng, Duration least, Duration most) {
  const auto span = static_cast<std::uint64_t>((most - least).count());
  return least + Duration{static_cast<std::int64_t>(rng.below(span + 1))};
}

}  // namespace

void World::one_fault() {
  auto& agent = *pick(agents_);
  auto& laptop = *pick(laptops_);
  auto& any = chance(50) ? agent : laptop;
  if (chance(30)) network_.replay(50);
  const auto what = rng_.below(100);
  if (what < 40) return network_fault(agent, laptop, any);
  if (what < 52) return nat_fault(any);
  if (what < 72) return node_fault(agent, any);
  if (what < 75) return crash_with_connections(laptop);
  people_act(agent, laptop);
}

// --- the network and the servers ---

void World::network_fault(AgentHost& agent, AgentHost& laptop, AgentHost& any) {
  switch (rng_.below(9)) {
    case 0:
      return crash_for(*coordinator_, between(rng_, 100ms, 15s));
    case 1:
      if (chance(30)) return crash_for(*coordinator_, between(rng_, 30s, 45s));
      return crash_for(*relay_, between(rng_, 100ms, 10s));
    case 2:
      return cut_for(any, *coordinator_, false, between(rng_, 1s, 40s));
    case 3:
      return cut_for(any, *relay_, false, between(rng_, 1s, 30s));
    case 4:
      return cut_for(agent, laptop, true, between(rng_, 1s, 30s));
    case 5:
      return cut_for(agent, laptop, false, between(rng_, 1s, 20s));
    case 6:
      return any.rest(between(rng_, 10s, 90s));  // long enough for mappings to expire
    case 7:
      return set_hole(agent, laptop);
    default:
      network_.set_weather({between(rng_, 1ms, 80ms), between(rng_, 1ms, 100ms),
                            static_cast<unsigned>(rng_.below(30)),
                            static_cast<unsigned>(rng_.below(20)),
                            static_cast<unsigned>(rng_.below(5))});
      return say("the weather changes");
  }
}

void World::nat_fault(AgentHost& any) {
  const auto nat = places_.draw_nat();
  switch (rng_.below(3)) {
    case 0:
      say("the NAT at " + format(network_.nats().external(nat)) + " reboots");
      return network_.nats().reboot(nat);
    case 1:
      say("the NAT at " + format(network_.nats().external(nat)) + " gets another address");
      return places_.renumber(nat);
    default: {
      const auto place = places_.draw();
      any.move_to(place);
      return say(any.name() + " is at " + places_.describe(place));
    }
  }
}

// Sets how large a packet may be between two hosts: any size, enough for the mesh, less, or too
// small.
void World::set_hole(Host& a, Host& b) {
  constexpr std::size_t kCarried[] = {kNoHole, kNoHole, 1451, 1372, 1272, 1252, 1199};
  const auto carried = kCarried[rng_.below(std::size(kCarried))];
  say("between " + a.name() + " and " + b.name() + " pass " + std::to_string(carried) + " bytes");
  network_.paths().set_hole(a.id(), b.id(), carried);
}

void World::cut_for(Host& a, Host& b, bool udp_only, Duration time) {
  say("cut between " + a.name() + " and " + b.name() + (udp_only ? ", UDP only" : ""));
  const auto set = [this, a = a.id(), b = b.id(), udp_only](bool cut) {
    if (udp_only) {
      network_.paths().set_udp_cut(a, b, cut);
    } else {
      network_.paths().set_cut(a, b, cut);
    }
  };
  set(true);
  watch();
  network_.after(time, [set] { set(false); });
}

// --- a node ---

void World::node_fault(AgentHost& agent, AgentHost& any) {
  switch (rng_.below(10)) {
    case 0:
    case 1:
      return crash_for(any, between(rng_, 50ms, 10s));
    case 9:
      return stop_for(agent, between(rng_, 50ms, 10s));
    case 2: {
      any.set_audit_failing(true);
      network_.after(between(rng_, 1s, 60s), [&any] { any.set_audit_failing(false); });
      return;
    }
    case 3: {
      agent.lock(true);
      network_.after(between(rng_, 500ms, 10s), [&agent] { agent.lock(false); });
      return;
    }
    case 4:
      return wrong_clock(any);
    case 5:
    case 6:
      return old_copy(any);
    case 7:
      return lose_state(any);
    default:
      return clone(any);
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

// Crashes a laptop that has as many open connections as a site allows for one laptop.
void World::crash_with_connections(AgentHost& laptop) {
  laptop.open_many(pick(services_), 256);
  network_.after(300ms, [this, &laptop] { crash_for(laptop, 1s); });
}

// Stops a host as a service manager does: the host sends its last messages before it ends.
void World::stop_for(AgentHost& host, Duration time) {
  if (!host.running()) return;
  host.stop();
  network_.after(500ms, [this, &host, time] { crash_for(host, time); });
}

// Sets a clock forward or back by up to ten minutes. Half of the clocks are set right after a
// while.
void World::wrong_clock(AgentHost& host) {
  const std::chrono::seconds error(static_cast<std::int64_t>(rng_.below(1201)) - 600);
  say("the clock of " + host.name() + " is wrong by " + std::to_string(error.count()) + " s");
  host.set_clock(error);
  clock_was_wrong_.insert(host.id());
  if (chance(50)) network_.after(between(rng_, 1s, 40s), [&host] { host.set_clock({}); });
}

// Makes a backup at one time and restores the backup at another time.
void World::old_copy(AgentHost& host) {
  if (!host.running()) return;
  auto& backup = backups_[host.id()];
  if (!backup) {
    backup = host.backup();
    return say("a backup of " + host.name());
  }
  host.crash();
  host.restore(*backup, chance(30));
  watch();
  network_.after(between(rng_, 50ms, 10s), [&host] {
    if (!host.running()) host.start();
  });
}

// Loses the whole state, or only the site store, without which the agent may not go on. Then the
// agent is enrolled again.
void World::lose_state(AgentHost& host) {
  if (!host.running()) return;
  host.crash();
  if (chance(50)) {
    host.lose_site_store();
    host.start();
  }
  backups_.erase(host.id());
  host.lose_everything(new_token(host));
  watch();
  network_.after(between(rng_, 50ms, 10s), [&host] {
    if (!host.running()) host.start();
  });
}

// Runs the same state folder on two machines. Not for a host whose clock was ahead: the copy's
// handshakes may then come from the future (WireGuard's timestamps), and the original is refused
// for that long.
void World::clone(AgentHost& host) {
  if (!host.running() || clock_was_wrong_.contains(host.id())) return;
  host.part_audit();
  clones_.push_back(std::make_unique<AgentHost>(host, places_.draw()));
  auto* copy = clones_.back().get();
  hosts_.push_back(copy);
  copy->start();
  watch();
  network_.after(between(rng_, 1s, 30s), [copy] {
    if (copy->running()) copy->crash();
  });
}

void World::stop_clones() {
  for (const auto& copy : clones_) {
    if (copy->running()) copy->crash();
    std::erase(hosts_, copy.get());
  }
}

// --- people ---

void World::people_act(AgentHost& agent, AgentHost& laptop) {
  switch (rng_.below(3)) {
    case 0:
      return revoke_something();
    case 1:
      if (laptop.running()) {
        const auto& service = pick(services_);
        const auto grants = oracle_.grants_of(pair_of(laptop, service));
        if (!grants.empty() && agent.serves(service.fqdn)) agent.deny(grants.back());
      }
      return;
    default: {
      const auto& service = pick(services_);
      return laptop.request(service, std::chrono::seconds(20 + rng_.below(300)));
    }
  }
}

void World::revoke_something() {
  auto& laptop = *pick(laptops_);
  if (!laptop.running()) return;
  for (const auto& grant : oracle_.grants_of(pair_of(laptop, pick(services_)))) {
    if (!oracle_.live(laptop.now().wall, grant)) continue;
    for (const auto& person : people_) {
      if (chance(50)) return static_cast<void>(person->revoke(grant));
    }
  }
}

}  // namespace culvert::sim
