// The Internet checksum (RFC 1071) and its pseudo-headers (RFC 9293 §3.1, RFC 8200 §8.1).
#pragma once

#include <cstdint>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"

namespace culvert::ip {

// One's complement of the one's complement sum of 16-bit words. The result is zero over data that
// includes a correct checksum.
std::uint16_t checksum(ByteView bytes);

// The checksum over pseudo-header ‖ transport. `transport` is the whole segment. To make a
// checksum, its checksum field is zero; to check one, it is as received and the result zero means
// correct. Both addresses are of one family.
std::uint16_t transport_checksum(const IpAddress& source, const IpAddress& destination,
                                 std::uint8_t protocol, ByteView transport);

// A checksum in parts: the sums of the parts add up in any order. Each part but the last has an
// even number of bytes.
std::uint64_t checksum_add(std::uint64_t sum, ByteView bytes);
// As checksum_add(), and copies `from` to `to` in the same pass over memory. `to` has room for
// from.size() bytes and does not overlap `from`.
std::uint64_t checksum_copy(std::uint64_t sum, ByteView from, std::uint8_t* to);
std::uint16_t checksum_fold(std::uint64_t sum);  // the one's complement of the folded sum

}  // namespace culvert::ip
