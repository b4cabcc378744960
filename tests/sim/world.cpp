#include "tests/sim/world.hpp"

#include <algorithm>
#include <stdexcept>

#include "coordinator/ledger/ledger.hpp"
#include "proto/trust/statements/names.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::sim {
namespace {

constexpr std::size_t kMaxSteps = 5'000'000;  // more steps: some deadline never moves on
constexpr WallTime kBase{1795000000};         // November 2026

Place public_place(std::uint8_t host) { return {kPublic, IpAddress::v4(198, 51, 100, host)}; }

std::chrono::seconds draw_lease(std::uint64_t seed) {
  SeededRng rng(seed ^ 0x1EA5EULL);
  constexpr std::chrono::seconds kLengths[] = {5s, 10s, 30s};
  return kLengths[rng.below(std::size(kLengths))];
}

agent::Options site_options(const std::string& name, const SiteDocuments& site, std::string token) {
  agent::Options options;
  options.role = agent::Role::kSite;
  options.name = name;
  options.token = std::move(token);
  options.pinned_root = site.root_hash;
  for (const auto& service : site.policy.services) options.services.push_back({service.name.str()});
  return options;
}

}  // namespace

World::World(std::uint64_t seed, bool verbose)
    : seed_(seed),
      rng_(seed),
      network_(rng_),
      places_(network_, rng_),
      oracle_(draw_lease(seed)),
      context_{.network = network_,
               .oracle = oracle_,
               .rng = rng_,
               .base = kBase,
               .verbose = verbose,
               .news = {}},
      vendor_(make_vendor(rng_, kBase)) {
  const auto lease = draw_lease(seed);
  const auto now = kBase + 3600s - 60s;  // a minute before the programs start: clocks differ
  std::uint8_t address = 1;
  relay_ = std::make_unique<RelayHost>(context_, vendor_, public_place(address++));
  const auto relay_info = relay_->info();
  // The coordinator offers a relay that no policy names, before the relay that the first site
  // names.
  const control::RelayInfo rival{"rival", "rival.sim", kRelayPort, 0, relay_info.key, {}};
  const trust::PolicyRelay named{relay_info.host, relay_info.port, relay_info.key, kRelayPin};
  sites_.push_back(
      make_site(vendor_, "acme.byoc.example.com", {"api", "db"}, lease, {named}, rng_, now));
  sites_.push_back(make_site(vendor_, "bolt.byoc.example.com", {"api"}, lease, {}, rng_, now));
  coordinator_ = std::make_unique<CoordinatorHost>(
      context_, vendor_, sites_, std::vector{rival, relay_info}, public_place(address++));
  const Endpoint coordinator{network_.place(coordinator_->id()).address, kCoordinatorPort};
  const Endpoint relay{network_.place(relay_->id()).address, kRelayPort};
  const auto add_agent = [&](const std::string& name, const SiteDocuments& site) {
    agents_.push_back(std::make_unique<AgentHost>(
        context_,
        site_options(name, site, agent_token(vendor_, site, name, std::nullopt, rng_, now)),
        places_.draw(), coordinator, relay));
    if (!site.policy.relays.empty()) agents_.back()->require_pinned_relay();
  };
  add_agent("acme-1", sites_[0]);
  if (chance(50)) add_agent("acme-2", sites_[0]);
  add_agent("bolt-1", sites_[1]);
  for (const std::string user : {"alice", "dave", "erin"}) {
    agent::Options options;
    options.role = agent::Role::kDevice;
    options.name = user + "-laptop";
    options.token = device_token(vendor_, user + "@" + kVendorName);
    laptops_.push_back(std::make_unique<AgentHost>(context_, std::move(options), places_.draw(),
                                                   coordinator, relay));
    users_[laptops_.back()->id()] = user + "@" + kVendorName;
  }
  const auto add_person = [&](Office office, const KeyHolder& key, const SiteDocuments* site) {
    people_.push_back(std::make_unique<PersonHost>(context_, office, key, vendor_, site,
                                                   public_place(address++), coordinator));
  };
  add_person(Office::kAdmission, vendor_.admission, nullptr);
  add_person(Office::kVendorApprover, vendor_.approver, nullptr);
  for (const auto& site : sites_) add_person(Office::kSiteApprover, site.approver, &site);

  for (const auto& site : sites_) {
    for (const auto& service : site.policy.services) {
      services_.push_back({service.name.str(),
                           {trust::service_address(site.ref.id, service.name), service.port()}});
    }
  }
  hosts_ = {coordinator_.get(), relay_.get()};
  for (const auto& host : people_) hosts_.push_back(host.get());
  for (const auto& host : agents_) hosts_.push_back(host.get());
  for (const auto& host : laptops_) {
    host->set_services(services_);
    hosts_.push_back(host.get());
  }
  for (auto* host : hosts_) {
    const auto skew = static_cast<std::int64_t>(rng_.below(2 * kMaxSkew.count() + 1));
    host->set_skew(std::chrono::seconds(skew) - kMaxSkew);
  }
}

void World::say(const std::string& what) const {
  if (!context_.verbose) return;
  std::printf("%10.3f ---- %s\n", static_cast<double>(network_.now().nanoseconds) / 1e9,
              what.c_str());
}

void World::run_for(Duration time) {
  const auto end = network_.now() + time;
  std::size_t steps = 0;
  for (;;) {
    auto next = network_.next();
    for (const auto* host : hosts_) next = std::min(next, host->next_deadline());
    if (next > end) break;
    if (++steps > kMaxSteps) give_up("a deadline never moves on");
    network_.advance_to(std::max(next, network_.now()));
    for (auto* host : hosts_) {
      if (host->running() && host->next_deadline() <= network_.now()) host->handle_timeout();
    }
    watch();
  }
  network_.advance_to(end);
}

void World::watch() {
  const auto look = [&](AgentHost& host) {
    const bool reached = coordinator_->running() && network_.reaches(host.id(), coordinator_->id());
    const bool connected = reached && host.connected();
    auto& last = watched_[host.id()];
    if (last.reached == reached && last.connected == connected) return;
    last = {reached, connected};
    oracle_.set_connected(network_.now(), host.id(), reached, connected);
  };
  for (const auto* list : {&agents_, &laptops_, &clones_}) {
    for (const auto& host : *list) look(*host);
  }
}

std::vector<AgentHost*> World::nodes() const {
  std::vector<AgentHost*> out;
  for (const auto& host : agents_) out.push_back(host.get());
  for (const auto& host : laptops_) out.push_back(host.get());
  return out;
}

WallTime World::right_time() const {
  return kBase + std::chrono::floor<std::chrono::seconds>(Duration{network_.now().nanoseconds});
}

std::string World::new_token(const AgentHost& host) {
  if (!host.is_site()) return device_token(vendor_, users_.at(host.id()));
  const auto& site = host.serves(sites_[0].policy.services[0].name.str()) ? sites_[0] : sites_[1];
  // Like `culvert site token`: a node that the coordinator knows under the name is replaced.
  coordinator::Ledger known(coordinator_->store());
  const Now now{network_.now(), right_time()};
  if (!known.load(now)) throw std::runtime_error("the coordinator's store cannot be read");
  const auto holder = known.evidence().holder(site.ref.id, must(trust::Label::parse(host.name())));
  return agent_token(vendor_, site, host.name(), holder, rng_, now.wall - 60s);
}

Outcome World::run() {
  set_up();
  trouble();
  calm_down();
  return {oracle_.violations(), oracle_.deliveries(), faults_};
}

}  // namespace culvert::sim
