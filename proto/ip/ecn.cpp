#include "proto/ip/ecn.hpp"

namespace culvert::ip {
namespace {

constexpr unsigned kMask = 3;

bool is_v4(ByteView packet) { return packet[0] >> 4U == 4; }
unsigned shift(ByteView packet) { return is_v4(packet) ? 0 : 4; }

}  // namespace

std::optional<std::uint8_t> ecn_combined(std::uint8_t inner, std::uint8_t outer) {
  if (inner == kNotEct) {
    if (outer == kCe) return std::nullopt;
    return inner;
  }
  if (outer == kCe || (outer == kEct1 && inner == kEct0)) return outer;
  return inner;
}

std::uint8_t ecn_of(ByteView packet) {
  return static_cast<std::uint8_t>((unsigned{packet[1]} >> shift(packet)) & kMask);
}

void set_ecn(MutableByteView packet, std::uint8_t ecn) {
  const auto before = load_be<std::uint16_t>(packet.data());
  const unsigned at = shift(packet);
  packet[1] =
      static_cast<std::uint8_t>((unsigned{packet[1]} & ~(kMask << at)) | unsigned{ecn} << at);
  if (!is_v4(packet)) return;
  // HC' = ~(~HC + ~m + m'), RFC 1624 equation 3.
  std::uint32_t sum = static_cast<std::uint16_t>(~load_be<std::uint16_t>(packet.data() + 10));
  sum += static_cast<std::uint16_t>(~before);
  sum += load_be<std::uint16_t>(packet.data());
  sum = (sum & 0xFFFFU) + (sum >> 16U);
  sum += sum >> 16U;
  store_be(packet.data() + 10, static_cast<std::uint16_t>(~sum));
}

bool ecn_decapsulate(MutableByteView packet, std::uint8_t outer) {
  if (outer == kNotEct) return true;  // an outer Not-ECT changes no inner value
  const auto inner = ecn_of(packet);
  const auto ecn = ecn_combined(inner, outer);
  if (!ecn) return false;
  if (*ecn != inner) set_ecn(packet, *ecn);
  return true;
}

}  // namespace culvert::ip
