#include "proto/http/url.hpp"

#include <algorithm>

#include "proto/core/host_port.hpp"

namespace culvert::http {
namespace {

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorCode::kInvalid,
                "\"" + std::string(text) + "\" is not an http(s) or ws(s) URL");
  };
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || text.size() > 2000) return refuse();
  const auto scheme = text.substr(0, scheme_end);
  Url out;
  out.tls = scheme == "https" || scheme == "wss";
  if (!out.tls && scheme != "http" && scheme != "ws") return refuse();
  auto rest = text.substr(scheme_end + 3);
  const auto slash = std::min(rest.find_first_of("/?"), rest.size());
  std::string authority(rest.substr(0, slash));
  out.target = rest.substr(slash);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  if (!is_visible(out.target) || out.target.find('#') != std::string::npos) return refuse();
  const auto colon = authority.rfind(':');
  const auto bracket = authority.rfind(']');
  const bool has_port =
      colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  if (!has_port) authority += out.tls ? ":443" : ":80";
  auto host_port = parse_host_port(authority);
  if (!host_port || !is_visible(host_port->host)) return refuse();
  out.host = std::move(host_port->host);
  out.port = host_port->port;
  return out;
}

}  // namespace culvert::http
