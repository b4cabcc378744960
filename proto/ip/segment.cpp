#include "proto/ip/segment.hpp"

#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"

namespace culvert::ip {

std::optional<SegmentLayout> layout_of(ByteView packet) {
  if (packet.size() < kIpv4HeaderSize) return std::nullopt;
  SegmentLayout out;
  if (packet[0] >> 4U == 4) {
    out.ip_size = static_cast<std::size_t>(packet[0] & 0x0FU) * 4;
    out.protocol = packet[9];
    out.total = load_be<std::uint16_t>(packet.data() + 2);
    const bool fragment = (load_be<std::uint16_t>(packet.data() + 6) & 0x3FFFU) != 0;
    if (out.ip_size < kIpv4HeaderSize || fragment) return std::nullopt;
  } else if (packet[0] >> 4U == 6 && packet.size() >= kIpv6HeaderSize) {
    out.v6 = true;
    out.ip_size = kIpv6HeaderSize;
    out.protocol = packet[6];
    out.total = kIpv6HeaderSize + load_be<std::uint16_t>(packet.data() + 4);
  } else {
    return std::nullopt;
  }
  if (out.protocol == kTcp) {
    if (packet.size() < out.ip_size + kTcpHeaderSize) return std::nullopt;
    const auto words = static_cast<std::size_t>(packet[out.ip_size + 12] >> 4U);
    if (words * 4 < kTcpHeaderSize) return std::nullopt;
    out.headers = out.ip_size + words * 4;
  } else if (out.protocol == kUdp) {
    out.headers = out.ip_size + kUdpHeaderSize;
  } else {
    return std::nullopt;
  }
  if (packet.size() < out.headers) return std::nullopt;
  return out;
}

std::size_t checksum_at(const SegmentLayout& layout) {
  return layout.ip_size + (layout.protocol == kTcp ? 16 : 6);
}

std::uint64_t pseudo_sum(ByteView packet, const SegmentLayout& layout, std::size_t length) {
  const ByteView addresses = layout.v6 ? packet.subspan(8, 32) : packet.subspan(12, 8);
  return checksum_add(layout.protocol + length, addresses);
}

}  // namespace culvert::ip
