#include "proto/core/endpoint.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace culvert {
namespace {

constexpr std::array<std::uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

}  // namespace

IpAddress IpAddress::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress out;
  std::copy(kV4Prefix.begin(), kV4Prefix.end(), out.bytes.begin());
  out.bytes[12] = a;
  out.bytes[13] = b;
  out.bytes[14] = c;
  out.bytes[15] = d;
  return out;
}

std::optional<IpAddress> IpAddress::from(ByteView raw) {
  if (raw.size() == 4) return v4(raw[0], raw[1], raw[2], raw[3]);
  if (raw.size() != 16) return std::nullopt;
  IpAddress out;
  std::copy(raw.begin(), raw.end(), out.bytes.begin());
  return out;
}

bool IpAddress::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin());
}
bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; }) &&
         bytes[15] == 1;
}
bool IpAddress::is_link_local() const {
  if (is_v4()) return bytes[12] == 169 && bytes[13] == 254;
  return bytes[0] == 0xFE && (bytes[1] & 0xC0U) == 0x80;
}
bool IpAddress::is_unspecified() const {
  const auto bare = raw();
  return std::all_of(bare.begin(), bare.end(), [](auto b) { return b == 0; });
}

std::optional<IpAddress> parse_address(std::string_view text) {
  const std::string terminated(text);
  std::array<std::uint8_t, 16> raw{};
  if (inet_pton(AF_INET, terminated.c_str(), raw.data()) == 1) {
    return IpAddress::from(ByteView(raw).first(4));
  }
  if (inet_pton(AF_INET6, terminated.c_str(), raw.data()) == 1) return IpAddress::from(raw);
  return std::nullopt;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos) return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  const auto address = parse_address(host);
  if (!address) return std::nullopt;
  return Endpoint{*address, port};
}

std::string format(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  const auto raw = address.raw();
  inet_ntop(address.is_v4() ? AF_INET : AF_INET6, raw.data(), out.data(), out.size());
  return out.data();
}

std::string format(const Endpoint& endpoint) {
  const auto host = format(endpoint.address);
  const auto port = std::to_string(endpoint.port);
  return endpoint.address.is_v4() ? host + ":" + port : "[" + host + "]:" + port;
}

}  // namespace culvert
