#include "proto/ip/checksum.hpp"

#include <cstddef>

namespace culvert::ip {
namespace {

std::uint64_t add(std::uint64_t sum, ByteView bytes) {
  std::size_t i = 0;
  for (; i + 2 <= bytes.size(); i += 2) sum += load_be<std::uint16_t>(bytes.data() + i);
  if (i < bytes.size()) sum += static_cast<std::uint64_t>(bytes[i]) << 8U;
  return sum;
}

std::uint16_t fold(std::uint64_t sum) {
  while ((sum >> 16U) != 0) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum & 0xFFFFU);
}

}  // namespace

std::uint16_t checksum(ByteView bytes) { return fold(add(0, bytes)); }

std::uint16_t transport_checksum(const IpAddress& source, const IpAddress& destination,
                                 std::uint8_t protocol, ByteView transport) {
  std::uint64_t sum = add(add(0, source.raw()), destination.raw());
  sum += protocol;
  sum += transport.size();  // two words in IPv6, which fold alike
  return fold(add(sum, transport));
}

}  // namespace culvert::ip
