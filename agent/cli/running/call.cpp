#include "agent/cli/running/call.hpp"

#include <nlohmann/json.hpp>

#include "agent/api/client.hpp"

namespace culvert::cli {

Result<nlohmann::json> call(const Common& common, const std::string& command) {
  return call(common, command, nlohmann::json::object());
}

Result<nlohmann::json> call(const Common& common, const std::string& command,
                            const nlohmann::json& arguments) {
  auto answer = api::call(common.state, command, arguments);
  if (answer) return std::move(*answer);
  auto [no_agent, error] = std::move(answer.error());
  if (no_agent) {
    error.code = ErrorCode::kUnavailable;
  } else if (error.code == ErrorCode::kUnavailable) {
    error.code = ErrorCode::kInternal;
  }
  return fail_with(std::move(error));
}

}  // namespace culvert::cli
