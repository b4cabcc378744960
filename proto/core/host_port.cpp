#include "proto/core/host_port.hpp"

#include <charconv>

#include "proto/core/endpoint.hpp"

namespace culvert {

Result<HostPort> parse_host_port(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::kInvalid, "\"" + std::string(text) + "\" is not HOST:PORT");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || text.size() > 300) return bad();
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    const auto address = parse_address(host);
    if (!address || address->is_v4()) return bad();
  } else if (host.find_first_of(":[] \t\r\n/@") != std::string_view::npos) {
    return bad();
  }
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return bad();
  return HostPort{std::string(host), port};
}

namespace {

std::string bracketed(const std::string& host) {
  return host.find(':') != std::string::npos ? "[" + host + "]" : host;
}

}  // namespace

std::string format(const HostPort& to) {
  return bracketed(to.host) + ":" + std::to_string(to.port);
}

std::string host_field(const HostPort& to, std::uint16_t default_port) {
  return to.port == default_port ? bracketed(to.host) : format(to);
}

}  // namespace culvert
