// The laptop's way in: names of granted services to mesh connections. Whatever is not granted is
// refused in one way, whether it exists or not.
#pragma once

#include <functional>
#include <string>

#include "agent/local/proxy.hpp"
#include "agent/shell/agent_shell.hpp"

namespace culvert::agent {

inline constexpr Duration kDialTimeout = 20s;  // handshake, relay and the other side's accept

local::Dialer make_dialer(Shell& shell);

}  // namespace culvert::agent
