// One call to the running agent. kUnavailable: no agent runs. Other errors have the agent's code,
// except that the agent's own kUnavailable becomes kInternal, which has the same exit code.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "agent/cli/show/common.hpp"
#include "proto/core/result.hpp"

namespace culvert::cli {

Result<nlohmann::json> call(const Common& common, const std::string& command);
Result<nlohmann::json> call(const Common& common, const std::string& command,
                            const nlohmann::json& arguments);

}  // namespace culvert::cli
