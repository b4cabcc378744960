// Functions that several subcommands share.
#pragma once

#include <string>
#include <string_view>

#include "coordinator/shell/commands.hpp"
#include "coordinator/shell/state.hpp"
#include "proto/core/result.hpp"

namespace culvert::coordinator {

// The state folder: --state, else the configuration's, else the default.
std::string state_path(const CommonOptions& common, const std::string& configured);
// The same for a command that needs only the folder. Reads the configuration.
Result<StateFolder> state_folder(const CommonOptions& common);

int finish(const Status& status);  // the exit code; prints the error, if any

std::string json_string(std::string_view text);  // quoted and escaped (RFC 8259 §7)

}  // namespace culvert::coordinator
