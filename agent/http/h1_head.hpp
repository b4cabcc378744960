// The heads of HTTP/1.1 messages: what they mean (RFC 9110, RFC 9112), and writing them anew.
// Ambiguous heads are refused. The parser (proto/http/head.hpp) has already refused bare CR or LF,
// obs-fold, NUL, spaces before colons and empty names. The functions here judge framing, Host,
// target, Connection and upgrade.
//
// A request's head: bytes → HeadParser → read_request() → exchange → write_request() → upstream.
// A response's head: bytes → HeadParser → read_response() → exchange → write_response() → client.
#pragma once

#include <string>
#include <string_view>

#include "agent/http/message.hpp"
#include "proto/core/result.hpp"

namespace culvert::http {

inline constexpr HeadLimits kRequestLimits{96, 32U << 10U};
inline constexpr HeadLimits kResponseLimits{256, 128U << 10U};

// The refusal's status: 400, 405, 414 or 417.
Result<Request, Refusal> read_request(const RequestHead& head);
// A 101 must grant exactly the upgrade of `request`. kInvalid: the head is ambiguous.
Result<Response> read_response(const ResponseHead& head, const Request& request);

// The trailers that go on to the upstream or to the client. Dropped are fields that RFC 9110 §6.5.1
// forbids in trailers (names.hpp) and, towards the upstream, every reserved name. read_request()
// and read_response() drop the same names from Trailer, and all of Trailer unless the body is
// chunked.
HttpHeaders request_trailers(const HttpHeaders& trailers);
HttpHeaders response_trailers(const HttpHeaders& trailers);

// The head for the upstream: Host, then `request.headers`, then what belongs to the connection.
std::string write_request(const Request& request);
// The head for the client. `close`: the connection ends after the response. `chunked`: the body is
// written in chunks, whatever framing the upstream used.
std::string write_response(const Response& response, bool close, bool chunked);
std::string write_interim(const Response& response);
std::string write_switch(const Response& response, const std::string& upgrade);
// A whole response that the gateway itself makes; the connection always ends after it.
std::string write_refusal(const Refusal& refusal, bool with_body);

}  // namespace culvert::http
