// Whose process is at the other end of a loopback connection or sent a datagram (proc(5),
// /proc/net/{tcp,udp} and {tcp,udp}6).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/core/endpoint.hpp"

namespace culvert::local {

// The uid in the row whose local end is `local` and whose remote end is `remote`. Pure.
std::optional<std::uint32_t> uid_in_table(std::string_view table, const Endpoint& local,
                                          const Endpoint& remote);

// The uid of the socket that is bound to `client`, connected or not. Pure.
std::optional<std::uint32_t> uid_of_datagram(std::string_view table, const Endpoint& client);

// True when the process that connected from `client` to `listener` runs as `owner` or as root.
// False for anybody else, and when no row tells.
bool owned_by(std::uint32_t owner, const Endpoint& client, const Endpoint& listener);
bool owned_by_us(const Endpoint& client, const Endpoint& listener);  // by our effective user
bool sent_by(std::uint32_t owner, const Endpoint& client);           // the same, of a datagram

}  // namespace culvert::local
