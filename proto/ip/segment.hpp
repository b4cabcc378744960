// The headers of a TCP or UDP packet, as splitting and joining look at them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"

namespace culvert::ip {

// Where the headers of a TCP or UDP packet end. IPv6 with extension headers is not for offloads.
struct SegmentLayout {
  bool v6 = false;
  std::uint8_t protocol = 0;
  std::size_t ip_size = 0;
  std::size_t headers = 0;  // IP and transport
  std::size_t total = 0;    // of the packet, by its own length field
};

// Nothing for what is neither, for fragments, and for headers that do not fit the packet.
std::optional<SegmentLayout> layout_of(ByteView packet);

std::size_t checksum_at(const SegmentLayout& layout);  // of the transport, from the packet's begin

// The sum over the pseudo-header; `length` is that of the transport.
std::uint64_t pseudo_sum(ByteView packet, const SegmentLayout& layout, std::size_t length);

}  // namespace culvert::ip
