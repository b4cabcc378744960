// Whose process is at the other end of a loopback connection (proc(5), /proc/net/tcp and tcp6).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/core/endpoint.hpp"

namespace culvert::local {

// The uid in the row whose local end is `local` and whose remote end is `remote`. Pure.
std::optional<std::uint32_t> uid_in_table(std::string_view table, const Endpoint& local,
                                          const Endpoint& remote);

// True when the process that connected from `client` to `listener` runs as our effective user or
// as root. False for anybody else, and when no row tells.
bool owned_by_us(const Endpoint& client, const Endpoint& listener);

}  // namespace culvert::local
