// How TCP connections learn the size that a path carries: the maximum segment size at the
// beginning, and "packet too big" when the path changes.
#pragma once

#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"

namespace culvert::ip {

// For a SYN whose maximum segment size (RFC 9293 §3.7.1) lets the other side send packets longer
// than `mtu`: the same SYN with a smaller maximum segment size and a correct checksum. Nothing for
// all other packets, also for a SYN without the option.
std::optional<Bytes> clamp_mss(ByteView packet, std::size_t mtu);

// ICMPv6 packet too big (RFC 4443 §3.2) about a TCP segment over IPv6 without extension headers:
//   IPv6 header ‖ type 2 ‖ code ‖ checksum (2) ‖ MTU (4) ‖ as much of the packet as was quoted
struct TooBig {
  Endpoint from, to;  // sender and receiver of the quoted TCP segment
  std::size_t mtu = 0;
};
std::optional<TooBig> parse_too_big(ByteView packet);

}  // namespace culvert::ip
