// Small things that the subcommands share.
#pragma once

#include <string>
#include <string_view>

#include "coordinator/shell/commands.hpp"
#include "coordinator/shell/state.hpp"
#include "proto/core/result.hpp"

namespace culvert::coordinator {

// --state, else the configuration's, else the default.
std::string state_path(const CommonOptions& common, const std::string& configured);
// As above for a command that needs the folder alone: reads the configuration for it.
Result<StateFolder> state_folder(const CommonOptions& common);

int finish(const Status& status);  // the exit code; complains where it failed

std::string json_string(std::string_view text);  // quoted and escaped (RFC 8259 §7)

}  // namespace culvert::coordinator
