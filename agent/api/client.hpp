// The caller's side of the local API, for commands such as `culvert status`.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "proto/core/result.hpp"

namespace culvert::api {

struct CallError {
  bool no_agent = false;  // nothing answers at the socket: exit code 3
  Error error;            // otherwise the agent's error
};

// Blocks until the agent answers.
Result<nlohmann::json, CallError> call(const std::filesystem::path& state_directory,
                                       const std::string& command, const nlohmann::json& arguments,
                                       std::chrono::seconds timeout = std::chrono::seconds{65});

// True: an agent holds the lock of this state directory. It does so until it has ended and undone
// its changes.
bool is_in_use(const std::filesystem::path& state_directory);

// The names of error codes in the API: "denied", "not-found", …
std::string to_string(ErrorCode code);
ErrorCode error_code_from(const std::string& name);  // kInternal for an unknown name

}  // namespace culvert::api
