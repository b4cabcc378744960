// The agent's own API: HTTP on a Unix socket in the state directory (docs/protocols/local-api.md).
//
// POST /v1/<command> with a JSON object; the answer is a JSON object. The directory is 0700, so the
// file system says who may call. Everything runs on the loop's thread (api_server.hpp).
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
std::filesystem::path lock_path(const std::filesystem::path& state_directory);  // held by an agent

class LocalApi {
 public:
  // Makes the directory (0700), takes its lock, replaces a stale socket and serves. kConflict when
  // another agent runs there. `loop` outlives the result.
  static Result<std::unique_ptr<LocalApi>> open(runtime::Loop& loop,
                                                const std::filesystem::path& state_directory,
                                                Handler handler);
  ~LocalApi();  // answers that wait get kUnavailable; the socket and the lock are gone after it
  LocalApi(const LocalApi&) = delete;
  LocalApi& operator=(const LocalApi&) = delete;

 private:
  class Impl;
  explicit LocalApi(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert::api
