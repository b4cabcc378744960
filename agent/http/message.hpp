// The meaning of a request or response head (RFC 9110, RFC 9112); ambiguous heads are refused. The
// parser (proto/http/head.hpp) has already refused bare CR or LF, obs-fold, NUL, spaces before
// colons and empty names. This file checks framing, Host, target and upgrade.
#pragma once

#include <string>
#include <string_view>

#include "proto/core/result.hpp"
#include "proto/http/body.hpp"
#include "proto/http/head.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxTarget = 8U << 10U;
inline constexpr std::size_t kMaxMethod = 32;
inline constexpr HeadLimits kRequestLimits{96, 32U << 10U};
inline constexpr HeadLimits kResponseLimits{256, 128U << 10U};

struct Refusal {
  int status = 400;
  std::string why;
};

struct Request {
  std::string method;
  std::string host;   // lower case, without the port
  std::string path;   // normalised (normal_path()), begins with '/'
  std::string query;  // as sent, '?' included; empty: no query
  Framing body;       // kNone, kLength or kChunked
  bool keep_alive = true;
  bool expect_continue = false;
  std::string upgrade;  // "websocket" or "SPDY/3.1" as sent; empty: no upgrade is passed on
  HttpHeaders headers;  // end-to-end headers, without Host, framing and headers that we set
};

// The refusal's status: 400, 405, 414, 417, or 421 (the Host is not the TLS server name).
Result<Request, Refusal> read_request(const RequestHead& head, std::string_view tls_name);

struct Response {
  int status = 0;
  std::string reason;
  Framing body;
  bool keep_alive = true;  // the upstream's connection may be used again
  HttpHeaders headers;     // end-to-end headers; Content-Length only without a body (HEAD)
};
// A 101 must grant exactly the upgrade of `request`.
Result<Response> read_response(const ResponseHead& head, const Request& request);

}  // namespace culvert::http
