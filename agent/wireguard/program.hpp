// `culvert wireguard`: a process for one WireGuard interface, in place of wireguard-go.
#pragma once

#include <string>

namespace culvert::agent {

struct WireguardOptions {
  std::string interface;
  bool foreground = false;  // WG_PROCESS_FOREGROUND=1 does the same
  std::string lanes;        // a number; empty: CULVERT_LANES, else 1
};

// Runs until SIGINT, SIGTERM, or the end of the interface or its control socket. In the background
// it returns once the control socket answers, or 1 with the reason on standard error. Environment:
// LOG_LEVEL (verbose, error, silent), CULVERT_AEAD (a library of proto/crypto/aead_backend.hpp),
// CULVERT_OFFLOAD (proto/runtime/packet/offload.hpp), CULVERT_LANES.
int run_wireguard(const WireguardOptions& options);

}  // namespace culvert::agent
