// The local ports of connections that this agent opens through lwIP. LocalPorts gives ports out in
// turn, from a random start. A peer remembers a port in TIME_WAIT and refuses a SYN from that port,
// so each port is used again as late as possible.
#pragma once

#include <optional>

#include "agent/stack/port.hpp"
#include "lwip/priv/tcp_priv.h"
#include "proto/core/endpoint.hpp"

namespace culvert::stack {

class LocalPorts {
 public:
  // Binds `pcb` to `source` and a port from which no connection to `to` exists, and returns the
  // port. 0: no such port is among the next kPortAttempts.
  std::uint16_t choose(Rng& rng, tcp_pcb& pcb, const IpAddress& source, const Endpoint& to);

 private:
  static constexpr int kPortAttempts = 32;
  static constexpr std::uint16_t kFirstPort = 32768;

  std::optional<std::uint16_t> next_;
};

}  // namespace culvert::stack
