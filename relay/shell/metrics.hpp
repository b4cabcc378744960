// The relay's numbers in Prometheus' text form.
#pragma once

#include <string>

#include "proto/runtime/tls.hpp"
#include "relay/core/core.hpp"
#include "relay/shell/stun_server.hpp"

namespace culvert::relay {

std::string expose(const Core& core, const StunCounters& stun, const runtime::TlsCounters& tls,
                   std::uint64_t requests_refused);

}  // namespace culvert::relay
