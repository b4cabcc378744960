// The commands of the local API (docs/protocols/local-api.md): JSON arguments to the core's calls,
// its views to JSON. Arguments that a command does not know are refused, naming them.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/api.hpp"
#include "agent/core/core.hpp"
#include "agent/proxy/forward.hpp"
#include "agent/proxy/proxy.hpp"
#include "proto/audit/entry.hpp"

namespace culvert::api {

// What commands need beside the core; given by the shell. Unset functions: the command answers
// that this agent does not have it.
struct CommandHooks {
  std::function<void()> after;            // each command has changed the core: drain its effects
  std::function<void()> down;             // stop the agent, after the answer is out
  std::function<std::string()> counters;  // Prometheus text
  // Called on a thread beside the loop.
  std::function<Result<std::vector<audit::Entry>>(const audit::Query&)> audit;
  std::function<std::optional<Endpoint>()> proxy;                // where it listens
  std::function<proxy::Refusals(std::uint64_t after)> refusals;  // by the proxy
  std::string stack;     // which TCP stack serves the mesh: lwip, kernel or host
  proxy::Dialer dialer;  // for forwards
  std::optional<proxy::DoorContext> doors;
};

class Commands {
 public:
  // `loop` and `core` outlive it.
  Commands(runtime::Loop& loop, agent::Core& core, CommandHooks hooks);
  ~Commands();  // ends the forwards
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  void handle(const std::string& command, const nlohmann::json& arguments, Answer answer);
  Handler handler() {
    return [this](const std::string& command, const nlohmann::json& arguments, Answer answer) {
      handle(command, arguments, std::move(answer));
    };
  }

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::api
