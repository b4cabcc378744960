// On a laptop: which openings of connections wait for the site's answer. The site's agent decides
// which flow is the first use of a grant (its claim). The laptop cannot see that decision, so it
// takes the first data of the service on a flow for it.
//
// In order: SYN of the laptop → opening() → data of the service on that connection → answered() →
// the evidence records the claim → the grant's time runs from here on.
#pragma once

#include <map>

#include "agent/access/basis.hpp"
#include "agent/access/rights.hpp"

namespace culvert::agent {

class Claims {
 public:
  static constexpr std::size_t kMaxWaiting = 256;  // connections that wait for their first answer

  Claims(Basis& basis, const Rights& rights) : basis_(basis), rights_(rights) {}

  void opening(const Endpoint& client, const Endpoint& service);
  void answered(Now now, const Endpoint& client);
  void clear() { waiting_.clear(); }  // no grant waits for its first use any longer

 private:
  Basis& basis_;
  const Rights& rights_;
  std::map<Endpoint, trust::GrantId> waiting_;  // by the laptop's end of the connection
};

}  // namespace culvert::agent
