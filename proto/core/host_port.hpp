// HOST:PORT, as configurations and requests write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/core/result.hpp"

namespace culvert {

struct HostPort {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 0;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

Result<HostPort> parse_host_port(std::string_view text);  // name:80, 10.0.0.1:80, [fd00::1]:80
std::string format(const HostPort& to);
// The value of an HTTP Host field (RFC 9110 §7.2): the port is left out where it is the default
// port of the URL's scheme.
std::string host_field(const HostPort& to, std::uint16_t default_port);

}  // namespace culvert
