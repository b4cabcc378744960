// The commands of the local API (docs/protocols/local-api.md). Each command turns JSON arguments
// into a call of the core and the core's view into JSON. An unknown argument is an error that names
// the argument.
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

// What commands need besides the core. The shell sets the functions. Without a function, its
// command answers that this agent does not have the feature.
struct CommandHooks {
  std::function<void()> after;            // called after each command: drains the core's effects
  std::function<void()> down;             // stops the agent after the answer is sent
  std::function<std::string()> counters;  // Prometheus text
  // Called on another thread than the loop's.
  std::function<Result<std::vector<audit::Entry>>(const audit::Query&)> audit;
  std::function<std::optional<Endpoint>()> proxy;                // the proxy's address
  std::function<proxy::Refusals(std::uint64_t after)> refusals;  // the proxy's refusals
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
