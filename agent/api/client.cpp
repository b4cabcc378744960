#include "agent/api/client.hpp"

#include <httplib.h>

#include <nlohmann/json.hpp>

#include "agent/api/api.hpp"
#include "proto/runtime/disk/files.hpp"

namespace culvert::api {

Result<nlohmann::json, CallError> call(const std::filesystem::path& state_directory,
                                       const std::string& command, const nlohmann::json& arguments,
                                       std::chrono::seconds timeout) {
  httplib::Client client(socket_path(state_directory).string(), 80);
  client.set_address_family(AF_UNIX);
  client.set_connection_timeout(std::chrono::seconds{5});
  client.set_read_timeout(timeout);
  const auto answer =
      client.Post("/v1/" + command, {{"Host", "localhost"}}, arguments.dump(), "application/json");
  if (!answer && answer.error() == httplib::Error::Connection) {
    return fail_with(
        CallError{true,
                  {ErrorCode::kUnavailable,
                   "no agent is running with its state in " + state_directory.string() +
                       ": start it with `culvert up`, or name its folder with --state DIR"}});
  }
  if (!answer) {
    return fail_with(CallError{false, {ErrorCode::kTimeout, "the agent does not answer"}});
  }
  auto body = nlohmann::json::parse(answer->body, nullptr, false);
  if (!body.is_object()) {
    return fail_with(CallError{
        false,
        {ErrorCode::kInternal, "the agent's answer cannot be read: is it another version?"}});
  }
  if (answer->status == 200) return body;
  const auto field = [&](const char* name) {
    return body.contains(name) && body[name].is_string() ? body[name].get<std::string>() : "";
  };
  return fail_with(CallError{false, {error_code_from(field("error")), field("message")}});
}

bool is_in_use(const std::filesystem::path& state_directory) {
  const auto free = runtime::FileLock::take(lock_path(state_directory).string());
  return !free && free.error().code == ErrorCode::kConflict;
}

}  // namespace culvert::api
