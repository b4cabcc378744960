// One call to the running agent. kUnavailable means that none runs; an error of the agent's own
// keeps its code, kUnavailable aside, which becomes kInternal (the same exit code).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "agent/cli/options.hpp"
#include "proto/core/result.hpp"

namespace culvert::cli {

Result<nlohmann::json> call(const Common& common, const std::string& command);
Result<nlohmann::json> call(const Common& common, const std::string& command,
                            const nlohmann::json& arguments);

}  // namespace culvert::cli
