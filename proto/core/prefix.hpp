// An IP prefix (RFC 4632, RFC 4291 §2.3): an address with the bits after `length` zero.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/core/endpoint.hpp"

namespace culvert {

struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;  // 0 to 32 for IPv4, 0 to 128 for IPv6

  static Prefix host(const IpAddress& address);  // /32 or /128
  // Zeroes the bits after `length`; nothing when `length` is longer than the address.
  static std::optional<Prefix> of(const IpAddress& address, unsigned length);
  bool contains(const IpAddress& other) const;  // families never match each other

  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

// 10.0.0.0/8, fd00::/48, or a bare address. Bits after the length are zeroed, as `wg` does.
std::optional<Prefix> parse_prefix(std::string_view text);
std::string format(const Prefix& prefix);

}  // namespace culvert
