#include "agent/terminator/address_rules.hpp"

#include <algorithm>
#include <array>

namespace culvert::terminator {
namespace {

bool starts_with(const IpAddress& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.bytes.begin());
}

bool refused_v4(const IpAddress& address) {
  const auto raw = address.raw();
  const bool broadcast = std::all_of(raw.begin(), raw.end(), [](auto b) { return b == 0xFF; });
  return raw[0] == 0 || raw[0] == 127 || address.is_link_local() ||
         (raw[0] >= 224 && raw[0] <= 239) || broadcast;
}

bool refused_v6(const IpAddress& address) {
  return address.is_unspecified() || address.is_loopback() || address.is_link_local() ||
         address.bytes[0] == 0xFF || starts_with(address, {0xFD, 0x00, 0x0E, 0xC2});
}

// Whether the address has an IPv4 address inside: 64:ff9b::/96 or ::/96.
bool embeds_v4(const IpAddress& address) {
  const bool nat64 = starts_with(address, {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0});
  const bool compatible = starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  return nat64 || compatible;
}

}  // namespace

bool may_connect(std::string_view configured_host, const IpAddress& resolved) {
  if (parse_address(configured_host) == resolved) return true;
  if (configured_host == "localhost") return resolved.is_loopback();
  if (resolved.is_v4()) return !refused_v4(resolved);
  if (refused_v6(resolved)) return false;
  if (!embeds_v4(resolved)) return true;
  const auto inner = IpAddress::from(ByteView(resolved.bytes).subspan(12));
  return inner && !refused_v4(*inner);
}

}  // namespace culvert::terminator
