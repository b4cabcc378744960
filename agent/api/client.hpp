// The caller's side of the local API: what `culvert status` and its like use.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "proto/core/result.hpp"

namespace culvert::api {

struct CallError {
  bool no_agent = false;  // nothing answers at the socket: exit code 3
  Error error;            // else the agent's own
};

// Blocks until the agent answers.
Result<nlohmann::json, CallError> call(const std::filesystem::path& state_directory,
                                       const std::string& command, const nlohmann::json& arguments,
                                       std::chrono::seconds timeout = std::chrono::seconds{65});

// Whether an agent has its state there: until it has ended and undone everything.
bool is_in_use(const std::filesystem::path& state_directory);

// The names of error codes in the API: "denied", "not-found", …
std::string to_string(ErrorCode code);
ErrorCode error_code_from(const std::string& name);  // kInternal for a name that is not known

}  // namespace culvert::api
