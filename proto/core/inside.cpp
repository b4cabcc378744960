#include "proto/core/inside.hpp"

#include <algorithm>
#include <array>

namespace culvert {

bool leads_inside(const IpAddress& address) {
  const auto& bytes = address.bytes;
  if (address.is_loopback() || address.is_link_local() || address.is_unspecified()) return true;
  if (address.is_v4()) {
    const auto a = bytes[12];
    const auto b = bytes[13];
    return a == 0 || a == 10 || (a == 172 && (b & 0xF0U) == 16) || (a == 192 && b == 168) ||
           (a == 100 && (b & 0xC0U) == 64);
  }
  const auto embedded = [&](std::size_t at) {
    return leads_inside(IpAddress::v4(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]));
  };
  constexpr std::array<std::uint8_t, 12> kNat64{0x00, 0x64, 0xFF, 0x9B};
  constexpr std::array<std::uint8_t, 12> kCompatible{};
  if (std::equal(kNat64.begin(), kNat64.end(), bytes.begin())) return embedded(12);
  if (std::equal(kCompatible.begin(), kCompatible.end(), bytes.begin())) return embedded(12);
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return embedded(2);
  // 64:ff9b:1::/48, the local-use prefix of RFC 8215: each network decides what the addresses mean.
  if (std::equal(kNat64.begin(), kNat64.begin() + 4, bytes.begin()) && bytes[5] == 1) return true;
  return (bytes[0] & 0xFEU) == 0xFC || (bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0xC0);
}

}  // namespace culvert
