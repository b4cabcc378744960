// Commands that the running agent carries out: each is a call of its local API.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/show/common.hpp"
#include "proto/core/result.hpp"

namespace culvert::cli {

struct Request {
  std::string service, reason, length;
  std::string claim;  // how long the grant waits for its first use; empty: the policy's time
  std::string start;  // a scheduled start; empty: now
  bool wait = false;
};
struct RunCommand {
  std::vector<std::string> words;
};
Status agent_status(const Common& common, bool watch);
Status agent_services(const Common& common);
Status agent_counters(const Common& common);
Status agent_requests(const Common& common);
Status agent_request(const Common& common, const Request& request);
Status agent_audit(const Common& common);
// `count` 0: until a direct path answers, kMaxPings at most.
Status agent_ping(const Common& common, const std::string& target, int count);
Status agent_forward(const Common& common, const std::string& spec);
Status agent_forwards(const Common& common);
Status agent_forward_end(const Common& common, int port);
Status agent_proxy(const Common& common);
Status agent_ca(const Common& common);
Status agent_names(const Common& common, const std::string& kind);  // services, grants
Status agent_forks(const Common& common);
Status agent_fork_choose(const Common& common, const std::string& text);
// withdraw, deny, lock, unlock, down, clock-reset: makes one call and prints one line.
Status agent_simple(const Common& common, const std::string& command, const std::string& grant);
int agent_run(const Common& common, const RunCommand& command);  // returns the child's exit code

}  // namespace culvert::cli
