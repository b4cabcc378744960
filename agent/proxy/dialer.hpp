// The function with which the proxy and the forwards connect to a service.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proto/core/result.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::proxy {

// `host` is a lower-case name without a trailing dot, or an address literal without brackets; port
// 0 (forwards only) means the service's own. The callback comes once, now or later, on the loop's
// thread, with a stream that is not started.
using Dialed = std::function<void(Result<std::unique_ptr<runtime::ByteStream>>)>;
using Dialer = std::function<void(std::string host, std::uint16_t port, Dialed done)>;

}  // namespace culvert::proxy
