// What the core is told when it starts, out of the command line, the configuration file and the
// environment. daemon.cpp passes the options on to Core::start().
#pragma once

#include "agent/core/core.hpp"
#include "agent/shell/config.hpp"
#include "agent/shell/daemon.hpp"

namespace culvert::agent {

// Reads the token from the file that the command line names, or from CULVERT_TOKEN. Returns nothing
// if neither is given, or if the file does not exist. Removes CULVERT_TOKEN from the environment,
// so that no child process inherits the token.
Result<std::optional<std::string>> read_token(const DaemonOptions& given);

// kInvalid: --root-hash is not a hash. The site's issuer certificate is the caller's to add.
Result<Options> core_options(const DaemonOptions& given, const Config& config,
                             std::optional<std::string> token, Role role);

}  // namespace culvert::agent
