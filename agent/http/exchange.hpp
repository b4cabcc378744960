// One request and its response, between the two codecs: judges the request, finds its upstream,
// adds the sender's identity, keeps the deadline, and makes the line of the access log. An exchange
// sees no bytes of framing and no connection. Pure.
//
// The way of a request: client codec → judge() → the session finds a connection to the upstream
// whose index judge() returned → forwarded() → upstream codec. The way of a response: upstream
// codec → begin_response(), count_out() → client codec. At the end of both: finish() → the access
// log.
#pragma once

#include <memory>
#include <string>

#include "agent/http/access.hpp"
#include "agent/http/client_codec.hpp"
#include "agent/http/routes.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxInterim = 16;  // 1xx responses to one request
inline constexpr Duration kBodyTime = 60s;      // without a byte of a request's body
inline constexpr Duration kResponseTime = 60s;  // from a whole request to its response
inline constexpr Duration kIdleTime = 1h;       // within a response, or in a tunnel

// The facts of one client connection that its exchanges use.
struct SessionOptions {
  std::shared_ptr<const Routes> routes;
  std::string service;   // FQDN
  std::string tls_name;  // the TLS server name; every Host must be equal to it
  std::string client;    // mesh address
  Identity who;
  std::shared_ptr<AccessLog> log;  // null: no log
  Duration response_time = kResponseTime;
};

// The request for the upstream: headers with the sender's identity and X-Forwarded-* come first.
Request forwarded(Request request, const AccessRecord& record, const std::string& client);

class Exchange {
 public:
  // `number`: of the request in the flow, from 1. `options` outlive the exchange.
  Exchange(const SessionOptions& options, Now now, std::uint64_t number);

  // Takes a request from the client codec. Returns the index of its upstream. Refusals: those of
  // the codec, 403 (the identity is incomplete), 421 (the Host is not the TLS server name), 404 (no
  // route), 503 (the access log cannot be written).
  Result<std::size_t, Refusal> judge(Incoming incoming);
  const Request& forwarded() const { return request_; }  // after judge()

  // Calls by which the session reports the request's progress.
  void touch(Now now) { progress_ = now.steady; }  // bytes came or went: the deadline moves
  void count_in(std::size_t bytes) { record_.bytes_in += bytes; }
  void count_out(std::size_t bytes) { record_.bytes_out += bytes; }
  void sent(Now now);  // the head is on its way to the upstream
  void request_done() { request_done_ = true; }
  // An interim response. False: it is one too many.
  bool take_interim() { return ++interim_ <= kMaxInterim; }
  bool passes_interim(int status) const { return status != 100 || request_.expect_continue; }
  void begin_response(int status);  // the final response, or the 101 of a tunnel
  void response_done() { response_done_ = true; }
  void refused(int status) { record_.status = status; }

  // A tunnel's request is done when the client has half-closed, its response when the upstream has.
  bool is_request_done() const { return request_done_; }
  bool has_response() const { return has_response_; }
  bool is_response_done() const { return response_done_; }
  bool is_tunnel() const { return record_.status == 101; }
  // The request may be sent once more, though the upstream may have seen it: no response has begun,
  // the method is idempotent (RFC 9110 §9.2.2), and there is no body.
  bool may_repeat() const;
  void repeat();  // on another connection, from the start

  Instant deadline() const;
  Refusal timeout() const;  // for the client, when the deadline has passed without a response

  // Writes the line of the access log, with what went wrong, if anything did.
  void finish(Now now, std::optional<std::string> error);

 private:
  const SessionOptions& options_;
  AccessRecord record_;
  Request request_;  // once judged: as the upstream gets it
  Instant began_;
  Instant progress_;  // when the last byte came or went
  std::size_t interim_ = 0;
  bool sent_ = false;
  bool request_done_ = true;
  bool has_response_ = false;
  bool response_done_ = false;
};

}  // namespace culvert::http
