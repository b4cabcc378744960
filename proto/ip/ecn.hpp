// Explicit congestion notification through a tunnel: RFC 6040, normal mode. The two bits alone are
// carried from one header to the other; what stands beside them (DSCP) never is, since it would
// tell the underlay what the packet is.
//
//   IPv4   low two bits of byte 1 (RFC 3168 §5)
//   IPv6   low two bits of the traffic class: bits 5 and 4 of byte 1
//
// On the way in the outer header starts as the inner one (§4.1). On the way out they are combined
// (§4.2, figure 4):
//
//               outer   Not-ECT   ECT(0)    ECT(1)    CE
//   inner   Not-ECT     Not-ECT   Not-ECT   Not-ECT   drop
//           ECT(0)      ECT(0)    ECT(0)    ECT(1)    CE
//           ECT(1)      ECT(1)    ECT(1)    ECT(1)    CE
//           CE          CE        CE        CE        CE
#pragma once

#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"

namespace culvert::ip {

enum Ecn : std::uint8_t { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

// Nothing: the packet must be dropped, for congestion was met by one that cannot say so.
std::optional<std::uint8_t> ecn_combined(std::uint8_t inner, std::uint8_t outer);

// Of and in a packet whose addresses were parsed (ip::Addresses). An IPv4 header's checksum is
// changed by as much (RFC 1624): one that was wrong stays wrong.
std::uint8_t ecn_of(ByteView packet);
void set_ecn(MutableByteView packet, std::uint8_t ecn);

// What a packet that leaves the tunnel is told of its outer header; false: drop it.
bool ecn_decapsulate(MutableByteView packet, std::uint8_t outer);

}  // namespace culvert::ip
