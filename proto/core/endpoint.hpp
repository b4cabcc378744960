// IP addresses and endpoints as values, with the one spelling of RFC 5952.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "proto/core/bytes.hpp"

namespace culvert {

// Sixteen bytes in network order; IPv4 is kept as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
  static std::optional<IpAddress> from(ByteView raw);  // 4 or 16 bytes

  bool is_v4() const;
  bool is_loopback() const;
  bool is_link_local() const;
  bool is_unspecified() const;
  ByteView raw() const {  // 4 or 16 bytes, network order
    return is_v4() ? ByteView(bytes).subspan(12) : ByteView(bytes);
  }

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  // Compares 8 bytes at a time, because addresses are compared for each packet.
  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return load_le<std::uint64_t>(a.bytes.data()) == load_le<std::uint64_t>(b.bytes.data()) &&
           load_le<std::uint64_t>(a.bytes.data() + 8) == load_le<std::uint64_t>(b.bytes.data() + 8);
  }
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

std::optional<IpAddress> parse_address(std::string_view text);  // 10.0.0.1, fd00::1
std::optional<Endpoint> parse_endpoint(std::string_view text);  // 10.0.0.1:80, [fd00::1]:80
std::string format(const IpAddress& address);
std::string format(const Endpoint& endpoint);

}  // namespace culvert

template <>
struct std::hash<culvert::IpAddress> {
  std::size_t operator()(const culvert::IpAddress& a) const noexcept {
    const auto high = culvert::load_le<std::uint64_t>(a.bytes.data());
    const auto low = culvert::load_le<std::uint64_t>(a.bytes.data() + 8);
    return static_cast<std::size_t>((high * 0x9E3779B97F4A7C15ULL) ^ low);
  }
};
template <>
struct std::hash<culvert::Endpoint> {
  std::size_t operator()(const culvert::Endpoint& e) const noexcept {
    return std::hash<culvert::IpAddress>{}(e.address) * 31U + e.port;
  }
};
