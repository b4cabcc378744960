// Which relays this node uses: the rules of agent/mesh/relay_rules.hpp for the relays that the
// coordinator offers and the policies of the sites in use.
//
// In order: the coordinator's welcome → offer() → plan() by the policies that Access knows → Mesh.
#pragma once

#include <optional>
#include <vector>

#include "agent/access/access.hpp"
#include "agent/mesh/relay_rules.hpp"

namespace culvert::agent {

class RelayChoice {
 public:
  void offer(std::vector<control::RelayInfo> relays) { offered_ = distinct(std::move(relays)); }
  // Nothing: the agent's site has no policy yet, so nothing is granted and the relays stay.
  std::optional<RelayPlan> plan(const Access& access);
  // The site's policy names its relays, and the coordinator offers none of them.
  bool all_refused() const { return all_refused_; }
  std::vector<LogLine> take_lines() { return std::exchange(lines_, {}); }

 private:
  std::optional<RelayPlan> for_site(const Access& access);
  RelayPlan for_laptop(const Access& access) const;

  std::vector<control::RelayInfo> offered_;
  bool all_refused_ = false;
  std::vector<LogLine> lines_;
};

}  // namespace culvert::agent
