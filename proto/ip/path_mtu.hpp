// What the size of a path means to a TCP connection: at its beginning, and when it changes.
#pragma once

#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"

namespace culvert::ip {

// A SYN that lets the other side make packets longer than `mtu`: the same with a smaller maximum
// segment size (RFC 9293 §3.7.1) and a right checksum. Nothing for all other packets, also where
// the option is missing.
std::optional<Bytes> clamp_mss(ByteView packet, std::size_t mtu);

// ICMPv6 packet too big (RFC 4443 §3.2) about a TCP segment over IPv6 without extension headers:
//   IPv6 header ‖ type 2 ‖ code ‖ checksum (2) ‖ MTU (4) ‖ as much of the packet as was quoted
struct TooBig {
  Endpoint from, to;  // of the segment
  std::size_t mtu = 0;
};
std::optional<TooBig> parse_too_big(ByteView packet);

}  // namespace culvert::ip
