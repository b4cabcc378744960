// One mesh and one story, drawn from one seed. The mesh: two customers' sites (one with two
// agents), three laptops, each behind NATs or not, the people who admit and approve, a coordinator
// and a relay. The story: the mesh is set up without faults; then there are faults of all kinds for
// a while; then the faults stop, and all granted services must work again within a bound.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/agent_host.hpp"
#include "tests/sim/person.hpp"
#include "tests/sim/places.hpp"
#include "tests/support/seeded_rng.hpp"

namespace culvert::sim {

inline constexpr Duration kSetUp = 20s;     // until the first flows must work
inline constexpr Duration kTrouble = 90s;   // length of the faults
inline constexpr Duration kRecovery = 25s;  // from then until every granted pair talks
inline constexpr Duration kDirect = 15s;    // more time until the paths are direct

struct Outcome {
  std::vector<std::string> violations;
  std::uint64_t deliveries = 0;
  std::uint64_t faults = 0;
};

class World {
 public:
  World(std::uint64_t seed, bool verbose);
  Outcome run();

 private:
  struct Watched {
    bool reached = true;
    bool connected = false;
  };

  void run_for(Duration time);
  void watch();  // tells the oracle which nodes are connected
  void say(const std::string& what) const;
  bool chance(unsigned percent) { return rng_.below(100) < percent; }
  template <class T>
  T& pick(std::vector<T>& from) {
    return from[rng_.below(from.size())];
  }

  WallTime right_time() const;
  std::string new_token(const AgentHost& host);
  std::vector<AgentHost*> nodes() const;  // agents and laptops

  // scenario.cpp
  void set_up();
  void trouble();
  void calm_down();
  void set_clocks_right();
  void ask_for_everything(std::chrono::seconds duration);
  void expect_talking(Instant since, const std::string& when);
  void expect_direct();
  bool must_go_direct(const AgentHost& laptop, const AgentHost& agent) const;
  void expect_audit_uploaded();
  std::vector<std::string> not_uploaded();
  void expect_kept();
  void stop_an_agent();
  Pair pair_of(const AgentHost& laptop, const KnownService& service) const;

  // coordinator_trouble.cpp
  void coordinator_trouble();
  void full_disk();
  void used_up_reserve();
  void old_backup();
  bool revoke_one();
  std::set<crypto::Hash> stored_revocations();
  std::vector<std::string> pairs_talking(Instant since) const;

  // faults.cpp
  void one_fault();
  void network_fault(AgentHost& agent, AgentHost& laptop, AgentHost& any);
  void nat_fault(AgentHost& any);
  void node_fault(AgentHost& agent, AgentHost& any);
  void people_act(AgentHost& agent, AgentHost& laptop);
  void crash_for(Host& host, Duration time);
  void crash_with_connections(AgentHost& laptop);
  void stop_for(AgentHost& host, Duration time);
  void set_hole(Host& a, Host& b);
  void cut_for(Host& a, Host& b, bool udp_only, Duration time);
  void wrong_clock(AgentHost& host);
  void old_copy(AgentHost& host);
  void lose_state(AgentHost& host);
  void clone(AgentHost& host);
  void stop_clones();
  void revoke_something();

  std::uint64_t seed_;
  SeededRng rng_;
  Network network_;
  Places places_;
  Oracle oracle_;
  Context context_;
  Vendor vendor_;
  std::vector<SiteDocuments> sites_;
  std::unique_ptr<RelayHost> relay_;
  std::unique_ptr<CoordinatorHost> coordinator_;
  std::vector<std::unique_ptr<AgentHost>> agents_;
  std::vector<std::unique_ptr<AgentHost>> laptops_;
  std::vector<std::unique_ptr<AgentHost>> clones_;
  std::vector<std::unique_ptr<PersonHost>> people_;
  std::vector<Host*> hosts_;
  std::vector<KnownService> services_;
  std::map<HostId, Watched> watched_;
  std::uint64_t faults_ = 0;
  std::map<HostId, std::unique_ptr<Disk>> backups_;
  std::set<HostId> clock_was_wrong_;
  std::map<HostId, std::string> users_;  // persons of laptops, for a new token
};

}  // namespace culvert::sim
