// The agent's own API: HTTP on a Unix socket in the state directory (docs/protocols/local-api.md).
//
// POST /v1/<command> with a JSON object; the answer is a JSON object. The directory is 0700, so the
// file system says who may call. Commands run on the loop's thread; a small pool only moves bytes.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "proto/core/result.hpp"
#include "proto/runtime/loop.hpp"

namespace culvert::local {

constexpr std::size_t kApiWorkers = 4;
constexpr std::size_t kApiQueue = 16;  // connections waiting; further ones wait in the kernel
constexpr std::size_t kMaxApiBody = 256U * 1024U;
constexpr std::chrono::seconds kApiAnswerTimeout{60};  // then HTTP 504, kTimeout

// `body` is the text of a JSON object; for an error {"error": code, "message": line}.
struct Reply {
  int http_status = 200;
  std::string body = "{}";

  static Reply ok(const nlohmann::json& object);
  static Reply failed(const Error& error);
};

// Runs on the loop's thread. `answer` is called once, there, now or later.
using Answer = std::function<void(Reply)>;
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

}  // namespace culvert::local
