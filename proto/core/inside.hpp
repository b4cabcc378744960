// Addresses that an outsider must not make this machine connect to.
#pragma once

#include <algorithm>
#include <span>

#include "proto/core/endpoint.hpp"
#include "proto/core/prefix.hpp"

namespace culvert {

// True for an address that has a meaning only inside a machine or a private network:
//   - loopback, link-local, unspecified (connecting to it reaches this machine);
//   - private (RFC 1918, RFC 4193, site-local), shared (RFC 6598);
//   - an IPv6 address that stands for such an IPv4 address (RFC 6052, RFC 8215, RFC 3056,
//     ::a.b.c.d).
bool leads_inside(const IpAddress& address);
// As leads_inside(address), but false for an address that one of the `permitted` prefixes contains.
inline bool leads_inside(const IpAddress& address, std::span<const Prefix> permitted) {
  return leads_inside(address) &&
         std::none_of(permitted.begin(), permitted.end(),
                      [&](const Prefix& prefix) { return prefix.contains(address); });
}

}  // namespace culvert
