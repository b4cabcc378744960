// The relay's counters as Prometheus text.
#pragma once

#include <string>

#include "proto/runtime/stream/tls.hpp"
#include "relay/core/core.hpp"
#include "relay/shell/stun_server.hpp"

namespace culvert::relay {

struct DoorCounters {
  std::uint64_t requests_refused = 0;
  std::size_t strangers = 0;  // their present number
  std::uint64_t strangers_replaced = 0;
  std::uint64_t log_lines_dropped = 0;
};

std::string expose(const Core& core, const StunCounters& stun, const runtime::TlsCounters& tls,
                   const DoorCounters& doors);

}  // namespace culvert::relay
