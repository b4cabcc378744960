#include "proto/ip/checksum.hpp"

#include <cstddef>
#include <cstring>

namespace culvert::ip {
namespace {

// In host byte order: the one's complement sum does not mind (RFC 1071 §2 B), so that whole words
// are added as they lie, eight bytes at a time.
std::uint64_t native_sum(ByteView bytes) {
  std::uint64_t sum = 0;
  std::uint64_t high = 0;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    sum += word & 0xFFFFFFFFU;
    high += word >> 32U;
  }
  sum += high;
  std::uint8_t rest[8] = {};
  if (left > 0) std::memcpy(rest, at, left);
  std::uint64_t word = 0;
  std::memcpy(&word, rest, sizeof word);
  return sum + (word & 0xFFFFFFFFU) + (word >> 32U);
}

std::uint16_t fold16(std::uint64_t sum) {
  while ((sum >> 16U) != 0) sum = (sum & 0xFFFFU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

}  // namespace

std::uint64_t checksum_add(std::uint64_t sum, ByteView bytes) {
  const std::uint16_t part = fold16(native_sum(bytes));
  std::uint8_t raw[2];
  std::memcpy(raw, &part, sizeof part);
  return sum + load_be<std::uint16_t>(raw);
}

std::uint16_t checksum_fold(std::uint64_t sum) {
  return static_cast<std::uint16_t>(~fold16(sum) & 0xFFFFU);
}

std::uint16_t checksum(ByteView bytes) { return checksum_fold(checksum_add(0, bytes)); }

std::uint16_t transport_checksum(const IpAddress& source, const IpAddress& destination,
                                 std::uint8_t protocol, ByteView transport) {
  std::uint64_t sum = checksum_add(checksum_add(0, source.raw()), destination.raw());
  sum += protocol;
  sum += transport.size();  // two words in IPv6, which fold alike
  return checksum_fold(checksum_add(sum, transport));
}

}  // namespace culvert::ip
