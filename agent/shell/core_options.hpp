// What the core is told when it starts, out of the command line, the configuration file and the
// environment. daemon.cpp passes the options on to Core::start().
#pragma once

#include "agent/core/core.hpp"
#include "agent/shell/config.hpp"
#include "agent/shell/daemon.hpp"

namespace culvert::agent {

// The token of the command line's file or of CULVERT_TOKEN; nothing: neither is given, or the file
// is not there. Takes CULVERT_TOKEN out of the environment, so that no child process inherits it.
Result<std::optional<std::string>> read_token(const DaemonOptions& given);

// kInvalid: --root-hash is not a hash. The site's issuer certificate is the caller's to add.
Result<Options> core_options(const DaemonOptions& given, const Config& config,
                             std::optional<std::string> token, Role role);

}  // namespace culvert::agent
