// Which addresses the name of a configured upstream may resolve to. Others control DNS names: a
// name that suddenly resolves to the machine itself or to a cloud's metadata service must not give
// access to these. An address or `localhost` in the configuration is the customer's own choice and
// is allowed.
//
// Refused for names:
//   - loopback, link-local (169.254.0.0/16 with the metadata services, fe80::/10), AWS's
//     fd00:ec2::/32, unspecified and 0.0.0.0/8, multicast and broadcast;
//   - each such IPv4 address in NAT64's 64:ff9b::/96 (RFC 6052) or as IPv4-compatible ::a.b.c.d
//     (RFC 4291 §2.5.5.1).
#pragma once

#include <string_view>

#include "proto/core/endpoint.hpp"

namespace culvert::terminator {

bool may_connect(std::string_view configured_host, const IpAddress& resolved);

}  // namespace culvert::terminator
