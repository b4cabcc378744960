// One client connection that speaks HTTP/1.1, without its sockets: bytes and time in, effects out.
// Requests are answered one at a time, in order. Each request is parsed, checked and written anew;
// only bodies and, after a 101, the tunnel's bytes are copied. The upstream's connection serves
// this client only and is used again while client and upstream keep it open.
//
//   head ──ok──▶ connecting ──▶ exchange ──▶ head …
//                                  └─101─▶ tunnel
//
// Every error gets an answer, and then the connection ends.
//
// Memory: from the client a head, or kMaxPipelined bytes and one read; from the upstream a head and
// one read. The shell keeps the bytes to send, and pauses one side while the other is full.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/http/access.hpp"
#include "agent/http/exchange.hpp"
#include "agent/http/routes.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxPipelined = 64U << 10U;  // with so many, the client is not read
inline constexpr std::size_t kMaxInterim = 16;            // 1xx answers to one request
inline constexpr Duration kHeadTime = 15s;                // from a head's first byte to its last
inline constexpr Duration kKeepAliveTime = 75s;           // between requests
inline constexpr Duration kBodyTime = 60s;                // without a byte of a request's body
inline constexpr Duration kResponseTime = 60s;            // from a whole request to its answer
inline constexpr Duration kIdleTime = 1h;                 // within an answer, or in a tunnel

struct SessionOptions {
  std::shared_ptr<const Routes> routes;
  std::string service;   // FQDN
  std::string tls_name;  // the TLS server name; every Host must be equal to it
  std::string client;    // mesh address
  Identity who;
  std::shared_ptr<AccessLog> log;  // null: no log
  Duration response_time = kResponseTime;
};

// To be carried out in this order: bytes to the present upstream, its end, the new upstream, bytes
// to the client, the client's end.
struct Effects {
  enum class End { kNo, kGently, kAtOnce };  // kGently: all written bytes are still sent
  Bytes to_upstream;
  bool finish_upstream = false;  // half-close, in a tunnel
  bool close_upstream = false;
  std::optional<std::size_t> connect;
  Bytes to_client;
  bool finish_client = false;
  End end = End::kNo;
  std::string reason;  // reason of the end
};

class Session {
 public:
  Session(SessionOptions options, Now now);

  void handle_client(Now now, ByteView bytes);
  void handle_client_end(Now now);  // the client has half-closed
  void handle_connected(Now now);
  void handle_upstream(Now now, ByteView bytes);
  void handle_upstream_end(Now now);                           // half-closed, cleanly
  void handle_upstream_lost(Now now, const std::string& why);  // lost, or could not be connected
  void handle_progress(Now now);  // a side that was full has taken bytes
  void handle_timeout(Now now);
  void abandon(Now now, const std::string& why);  // the flow is over: logs the present request

  Instant next_deadline() const;
  bool wants_client() const { return in_.size() < kMaxPipelined; }
  void drain(Effects& into);  // `into` is replaced

 private:
  struct Upstream {
    std::size_t index = 0;
    bool connected = false;
    bool used = false;  // has answered a request; it may have closed since then
  };

  void run(Now now);
  bool read_request_head(Now now);
  void begin(Now now, const RequestHead& head);
  void reach_upstream(std::size_t index);
  void send_head(Now now);
  void pump_request(Now now);
  void pump_response(Now now);
  bool read_response_head(Now now);
  void begin_tunnel(const Response& response);
  void finish_response(Now now);
  bool try_again();
  void bad_gateway(Now now, int status, const std::string& why);
  void refuse(Now now, int status, const std::string& why);
  void end(Effects::End how, const std::string& reason);
  void forget_upstream();
  void drop_upstream();
  void log(Now now, const std::string& error);
  AccessRecord new_record(Now now);

  SessionOptions options_;
  Effects effects_;
  Buffer in_, up_;  // unparsed bytes from the client and from the upstream
  HeadParser<RequestHead> request_head_{kRequestLimits};     // parses in_
  HeadParser<ResponseHead> response_head_{kResponseLimits};  // parses up_
  std::optional<Upstream> upstream_;
  std::optional<Exchange> exchange_;
  Instant progress_;                       // time of the last byte of any side
  Instant head_since_ = Instant::never();  // time of the first byte of an incomplete request head
  std::uint64_t requests_ = 0;
  bool client_ended_ = false;
  bool upstream_ended_ = false;  // in a tunnel
  bool over_ = false;
};

}  // namespace culvert::http
