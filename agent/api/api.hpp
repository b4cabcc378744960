// The agent's own API: HTTP on a Unix socket in the state directory (docs/protocols/local-api.md).
//
// POST /v1/<command> with a JSON object; the answer is a JSON object. The directory is 0700, so the
// file system decides who may call. A call comes from `culvert` commands (client.hpp), goes through
// api_server.hpp to commands.hpp, and there to the agent's core. Everything runs on the loop's
// thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "agent/api/reply.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::api {

// Runs on the loop's thread.
using Handler =
    std::function<void(const std::string& command, const nlohmann::json& arguments, Answer answer)>;

std::filesystem::path socket_path(const std::filesystem::path& state_directory);  // …/agent.sock
// A running agent holds the lock.
std::filesystem::path lock_path(const std::filesystem::path& state_directory);

class LocalApi {
 public:
  // Makes the directory (0700), takes its lock, replaces a stale socket, and serves. kConflict:
  // another agent runs on this directory. `loop` outlives the result.
  static Result<std::unique_ptr<LocalApi>> open(runtime::Loop& loop,
                                                const std::filesystem::path& state_directory,
                                                Handler handler);
  ~LocalApi();  // waiting callers get kUnavailable; removes socket and lock
  LocalApi(const LocalApi&) = delete;
  LocalApi& operator=(const LocalApi&) = delete;

 private:
  class Impl;
  explicit LocalApi(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::api
