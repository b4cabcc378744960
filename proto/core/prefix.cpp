#include "proto/core/prefix.hpp"

#include <algorithm>
#include <charconv>

namespace culvert {
namespace {

constexpr unsigned kMappedBits = 96;  // ::ffff:0:0/96 in front of an IPv4 address

unsigned mapped_bits(const IpAddress& address) { return address.is_v4() ? kMappedBits : 0; }

IpAddress masked(IpAddress address, unsigned bits) {
  for (unsigned i = 0; i < address.bytes.size(); ++i) {
    const unsigned keep = bits > i * 8 ? std::min(bits - i * 8, 8U) : 0;
    address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] & (0xFF00U >> keep));
  }
  return address;
}

}  // namespace

Prefix Prefix::host(const IpAddress& address) {
  return {address, static_cast<std::uint8_t>(128 - mapped_bits(address))};
}

std::optional<Prefix> Prefix::of(const IpAddress& address, unsigned length) {
  if (length > 128 - mapped_bits(address)) return std::nullopt;
  return Prefix{masked(address, length + mapped_bits(address)), static_cast<std::uint8_t>(length)};
}

bool Prefix::contains(const IpAddress& other) const {
  return address.is_v4() == other.is_v4() &&
         masked(other, length + mapped_bits(address)) == address;
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return Prefix::host(*address);
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size() ||
      std::to_string(length) != digits) {
    return std::nullopt;
  }
  return Prefix::of(*address, length);
}

std::string format(const Prefix& prefix) {
  return format(prefix.address) + "/" + std::to_string(prefix.length);
}

}  // namespace culvert
