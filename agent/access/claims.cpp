#include "agent/access/claims.hpp"

namespace culvert::agent {

// Both the site's agent and the laptop charge a flow to the same right: right_to().
void Claims::opening(const Endpoint& client, const Endpoint& service) {
  const Right* right = right_to(rights_, service);
  if (right == nullptr || !right->waits_for_claim()) return;
  if (waiting_.size() >= kMaxWaiting) waiting_.erase(waiting_.begin());
  waiting_[client] = right->live.grant.id;
}

void Claims::answered(Now now, const Endpoint& client) {
  const auto flow = waiting_.find(client);
  if (flow == waiting_.end()) return;
  basis_.evidence.claim(now, flow->second);
  waiting_.erase(flow);
  basis_.changes.access = true;
}

}  // namespace culvert::agent
