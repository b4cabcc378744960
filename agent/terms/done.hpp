// The answer to a command that needs an answer from elsewhere: from the coordinator or from a peer.
#pragma once

#include <functional>

#include "proto/core/result.hpp"

namespace culvert::agent {

// The core calls a Done exactly once, inside a call of the core. A Done must not call the core:
// it posts a task to the loop instead.
template <class T>
using Done = std::function<void(Result<T>)>;

}  // namespace culvert::agent
