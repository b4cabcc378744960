// The running program: opens the relay, says that it is ready, and serves until SIGTERM or SIGINT
// (drains first; a second one ends at once). SIGHUP reads the ticket keys again.
#pragma once

#include <string>

#include "relay/shell/relay.hpp"

namespace culvert::relay {

// `config` is the path to read again at SIGHUP. An error when the relay could not start.
Status serve(Settings settings, Identity identity, const std::string& config, Rng& rng);

}  // namespace culvert::relay
