// URLs of the schemes http, https, ws and wss (RFC 3986, RFC 6455 §3), as configuration, tokens and
// requests to a proxy name them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/core/result.hpp"

namespace culvert::http {

struct Url {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  std::string target;  // path and query, at least "/"
};
Result<Url> parse_url(std::string_view text);  // http, https, ws, wss; no user info, no fragment

}  // namespace culvert::http
