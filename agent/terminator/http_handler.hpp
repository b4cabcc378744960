// The handler of a service with HTTP routes: moves bytes and time between the client's stream, the
// upstreams' streams and an http::Session, which owns no socket. The flow owns the handler; the
// handler's events have weak pointers to it.
//
// A request's way: client's stream → Session::handle_client() → Effects → the upstream's stream. A
// response's way: upstream's stream → Session::handle_upstream() → Effects → the client's stream.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/http/session.hpp"
#include "agent/terminator/handling.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/connect.hpp"
#include "proto/runtime/stream/replay_stream.hpp"

namespace culvert::terminator {

class HttpHandler : public std::enable_shared_from_this<HttpHandler> {
 public:
  HttpHandler(const Handling& handling, const HttpRoutes& routes, HandlerEvents events);

  void connect();  // ready at once: each request chooses its upstream
  void begin(std::unique_ptr<runtime::ReplayStream> client);
  void close(const std::string& reason);  // logs the requests that are open
  Traffic traffic() const { return traffic_; }

 private:
  struct Upstream {
    std::unique_ptr<runtime::StreamConnect> connect;  // until the connection is made
    std::unique_ptr<runtime::ReplayStream> stream;    // after that; may linger when it is closed
    bool paused = false;
  };

  // Makes an event handler: while the client is there, it calls `handle` and then apply().
  template <class Handle>
  auto while_there(Handle handle);
  void connect_upstream(http::UpstreamId id, std::size_t index);
  void start_upstream(http::UpstreamId id, std::unique_ptr<runtime::ByteStream> stream);
  void apply();
  void apply_to_upstream(const http::UpstreamEffect& effect);
  void balance();
  void end(const http::End& how);
  Now now() const { return loop_.now(); }

  runtime::Loop& loop_;
  http::SessionOptions options_;
  std::shared_ptr<const Targets> targets_;
  HandlerEvents events_;
  runtime::Timer timer_;
  Traffic traffic_;
  std::optional<http::Session> session_;           // from begin() on
  std::unique_ptr<runtime::ReplayStream> client_;  // from begin() to the end
  bool client_paused_ = false;
  std::map<http::UpstreamId, Upstream> upstreams_;
};

}  // namespace culvert::terminator
