// The headers of a TCP or UDP packet, as the Splitter and the Coalescer (offload.hpp) need them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"

namespace culvert::ip {

// Where the headers of a TCP or UDP packet end. IPv6 packets with extension headers are not split
// or joined.
struct SegmentLayout {
  bool v6 = false;
  std::uint8_t protocol = 0;
  std::size_t ip_size = 0;
  std::size_t headers = 0;  // bytes of the IP and transport headers
  std::size_t total = 0;    // bytes of the packet, by its own length field
};

// Nothing for packets that are neither TCP nor UDP, for IPv4 fragments, and when the headers do not
// fit into the packet.
std::optional<SegmentLayout> layout_of(ByteView packet);

std::size_t checksum_at(const SegmentLayout& layout);  // offset of the transport checksum in bytes

// The sum over the pseudo-header; `length`: bytes of transport header and payload.
std::uint64_t pseudo_sum(ByteView packet, const SegmentLayout& layout, std::size_t length);

}  // namespace culvert::ip
