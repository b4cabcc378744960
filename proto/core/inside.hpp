// Addresses that somebody outside must not make this machine connect to.
#pragma once

#include <algorithm>
#include <span>

#include "proto/core/endpoint.hpp"
#include "proto/core/prefix.hpp"

namespace culvert {

// The address means something inside a machine or a private network only, or reaches one that does:
// loopback, link-local, unspecified (it reaches this machine), private (RFC 1918, RFC 4193,
// site-local), shared (RFC 6598); also inside an IPv6 address that stands for IPv4 (RFC 6052,
// RFC 8215, RFC 3056, ::a.b.c.d).
bool leads_inside(const IpAddress& address);
// The same, except where one of the prefixes permits the address.
inline bool leads_inside(const IpAddress& address, std::span<const Prefix> permitted) {
  return leads_inside(address) &&
         std::none_of(permitted.begin(), permitted.end(),
                      [&](const Prefix& prefix) { return prefix.contains(address); });
}

}  // namespace culvert
