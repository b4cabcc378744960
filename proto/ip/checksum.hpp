// The Internet checksum (RFC 1071) and its pseudo-headers (RFC 9293 §3.1, RFC 8200 §8.1).
#pragma once

#include <cstdint>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"

namespace culvert::ip {

// One's complement of the one's complement sum of 16-bit words; zero over data that holds a right
// checksum.
std::uint16_t checksum(ByteView bytes);

// The same over pseudo-header ‖ transport; `transport` holds the whole segment with its checksum
// field zero (to make one) or as received (zero: right). Both addresses are of one family.
std::uint16_t transport_checksum(const IpAddress& source, const IpAddress& destination,
                                 std::uint8_t protocol, ByteView transport);

// In parts: sums of an even number of bytes each (but for the last) add up, in any order.
std::uint64_t checksum_add(std::uint64_t sum, ByteView bytes);
// The same, and copies `from` to `to` (not overlapping, as large) in the one pass over memory.
std::uint64_t checksum_copy(std::uint64_t sum, ByteView from, std::uint8_t* to);
std::uint16_t checksum_fold(std::uint64_t sum);  // → the one's complement

}  // namespace culvert::ip
