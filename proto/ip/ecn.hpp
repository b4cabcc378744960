// Explicit congestion notification through a tunnel: RFC 6040, normal mode. Only the two ECN bits
// are copied from one header to the other. The DSCP is never copied, since it would tell the
// underlay what kind of packet is inside.
//
//   IPv4   low two bits of byte 1 (RFC 3168 §5)
//   IPv6   low two bits of the traffic class: bits 5 and 4 of byte 1
//
// Encapsulation copies the inner ECN bits to the outer header (§4.1). Decapsulation combines the
// inner and outer bits (§4.2, figure 4):
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

// Nothing: drop the packet, because CE arrived on a Not-ECT packet, which cannot carry the mark.
std::optional<std::uint8_t> ecn_combined(std::uint8_t inner, std::uint8_t outer);

// Reads and writes the ECN bits of a packet that ip::Addresses has parsed. set_ecn() updates the
// checksum of an IPv4 header by the difference (RFC 1624): a wrong checksum stays wrong.
std::uint8_t ecn_of(ByteView packet);
void set_ecn(MutableByteView packet, std::uint8_t ecn);

// Copies the outer ECN mark into a packet that leaves the tunnel (RFC 6040 §4.2). False: drop the
// packet, because CE arrived on a Not-ECT packet.
bool ecn_decapsulate(MutableByteView packet, std::uint8_t outer);

}  // namespace culvert::ip
