// Which addresses a configured upstream name may lead to. Names are in others' hands: one that
// suddenly resolves to the machine itself or to a cloud's metadata service must not turn the agent
// into a way there. What the customer wrote literally (an address, or localhost) is taken as meant.
//
// Refused for names: loopback, link-local (169.254.0.0/16 with the metadata services, fe80::/10),
// AWS's fd00:ec2::/32, unspecified and 0.0.0.0/8, multicast and broadcast, and each of the IPv4
// ones behind NAT64's 64:ff9b::/96 (RFC 6052) or as IPv4-compatible ::a.b.c.d (RFC 4291 §2.5.5.1).
#pragma once

#include <string_view>

#include "proto/core/endpoint.hpp"

namespace culvert::terminator {

bool may_connect(std::string_view configured_host, const IpAddress& resolved);

}  // namespace culvert::terminator
