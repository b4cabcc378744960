// What a request or response head means, after all that is ambiguous has been refused (RFC 9110,
// RFC 9112). Heads come from runtime::parse_*_head, which has refused bare CR or LF, obs-fold, NUL,
// spaces before colons and empty names already; here come framing, Host, target, upgrade.
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
  std::string path;   // normal (see normal_path), begins with '/'
  std::string query;  // with its '?', as sent; empty when there is none
  Framing body;       // kNone, kLength or kChunked
  bool keep_alive = true;
  bool expect_continue = false;
  std::string upgrade;  // "websocket" or "SPDY/3.1" as sent; empty: none that we pass on
  HttpHeaders headers;  // end to end; without Host, framing and what only we may say
};

// 400, or 405, 414, 417, 421 (the Host is not the name that TLS was for).
Result<Request, Refusal> read_request(const RequestHead& head, std::string_view tls_name);

struct Response {
  int status = 0;
  std::string reason;
  Framing body;
  bool keep_alive = true;  // the upstream's connection may be used again
  HttpHeaders headers;     // end to end; Content-Length only where there is no body (HEAD)
};
// `upgrade`: what the request asked for; a 101 must grant exactly that.
Result<Response> read_response(const ResponseHead& head, const Request& request);

}  // namespace culvert::http
