// A peer without a TCP implementation: tests make its segments field by field, and read the
// segments that the stack sends.
#pragma once

#include <cstdint>
#include <cstring>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"

namespace culvert::device_test {

constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

struct Segment {
  std::uint16_t from = 0, to = 0;  // ports
  std::uint32_t seq = 0, ack = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 65535;
  Bytes options;  // packet() pads with no-operations
  Bytes data;
};

// An IPv6 packet with one TCP segment and without a checksum; the stack checks no checksums.
inline Bytes packet(const IpAddress& source, const IpAddress& destination, const Segment& segment) {
  Bytes options = segment.options;
  while (options.size() % 4 != 0) options.push_back(1);
  Bytes out(40);
  out[0] = 0x60;
  out[6] = 6;
  out[7] = 64;
  std::memcpy(out.data() + 8, source.bytes.data(), 16);
  std::memcpy(out.data() + 24, destination.bytes.data(), 16);
  Writer writer(out);
  writer.be(segment.from).be(segment.to).be(segment.seq).be(segment.ack);
  out.push_back(static_cast<std::uint8_t>((20 + options.size()) / 4 << 4U));
  out.push_back(segment.flags);
  writer.be(segment.window).be(std::uint32_t{0});
  append(out, options);
  append(out, segment.data);
  store_be(out.data() + 4, static_cast<std::uint16_t>(out.size() - 40));
  return out;
}

inline Segment parse_segment(ByteView packet) {
  Reader reader(packet.subspan(40));
  Segment out;
  out.from = reader.be<std::uint16_t>();
  out.to = reader.be<std::uint16_t>();
  out.seq = reader.be<std::uint32_t>();
  out.ack = reader.be<std::uint32_t>();
  const std::size_t header = (reader.be<std::uint8_t>() >> 4U) * 4U;
  out.flags = reader.be<std::uint8_t>();
  out.window = reader.be<std::uint16_t>();
  reader.take(4);
  out.options = to_bytes(reader.take(header - 20));
  out.data = to_bytes(reader.rest());
  return out;
}

inline Bytes mss_option(std::uint16_t mss) {
  return {2, 4, static_cast<std::uint8_t>(mss >> 8U), static_cast<std::uint8_t>(mss)};
}

}  // namespace culvert::device_test
