// What ends soon on this node: roots, policies, and this node's own renewal or admission. Each
// threshold of each thing is logged once (trust::due_warning()).
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/access/own_node.hpp"
#include "agent/access/rights.hpp"

namespace culvert::agent {

class EndWarnings {
 public:
  EndWarnings(Basis& basis, const OwnNode& own, const Rights& rights, Now now)
      : basis_(basis), own_(own), rights_(rights), look_at_(now.steady) {}

  std::vector<EndView> view(Now now) const;
  Instant next_deadline() const { return look_at_; }
  void handle_timeout(Now now);

 private:
  std::vector<trust::Expiry> endings(Now now) const;
  std::vector<trust::SiteId> sites() const;

  Basis& basis_;
  const OwnNode& own_;
  const Rights& rights_;
  Instant look_at_;
  // The threshold that was logged last, by the thing that ends and its owner.
  std::map<std::pair<trust::Ending, std::string>, int> logged_;
};

}  // namespace culvert::agent
