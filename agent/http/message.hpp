// A request and a response by their meaning (RFC 9110), independent of the HTTP version that
// carries them. The codecs (codec.hpp) make these from the bytes of a connection and write them
// again.
#pragma once

#include <string>

#include "proto/http/body.hpp"
#include "proto/http/head.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxTarget = 8U << 10U;  // bytes of a request's target
inline constexpr std::size_t kMaxMethod = 32;         // bytes of a request's method

// Why a request is not passed on: the status for the client, and one line of text.
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
  bool accepts_trailers = false;  // "TE: trailers" (RFC 9110 §10.1.4)
  std::string upgrade;  // "websocket" or "SPDY/3.1" as sent; empty: no upgrade is passed on
  HttpHeaders headers;  // end-to-end headers, without Host, framing and reserved names (names.hpp)
};

struct Response {
  int status = 0;  // below 200: interim; 101: the upgrade that the request asked for
  std::string reason;
  Framing body;
  bool keep_alive = true;  // the upstream's connection may be used again
  HttpHeaders headers;     // end-to-end headers; Content-Length only without a body (HEAD)
};

}  // namespace culvert::http
