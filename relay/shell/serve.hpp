// The running program: opens the relay, reports that it is ready, and serves until SIGTERM or
// SIGINT. The first signal drains the relay, a second one ends it at once. SIGHUP reads the ticket
// keys again.
#pragma once

#include <string>

#include "relay/shell/relay.hpp"

namespace culvert::relay {

// `config`: the path that SIGHUP reads again. Returns an error when the relay could not start.
Status serve(Settings settings, Identity identity, const std::string& config, Rng& rng);

}  // namespace culvert::relay
