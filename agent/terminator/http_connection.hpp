// Moves bytes and time between one client's stream, its upstreams and an http::Session. The flow
// owns the HttpConnection; its events have weak pointers to it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/http/session.hpp"
#include "proto/core/host_port.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/connect.hpp"
#include "proto/runtime/stream/replay_stream.hpp"

namespace culvert::terminator {

struct HttpTarget {  // an upstream; the routes name it by its index
  HostPort at;
  std::shared_ptr<runtime::TlsClientContext> tls;  // null: plain TCP
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  using Ended = std::function<void(const std::string& reason)>;

  HttpConnection(runtime::Loop& loop, http::SessionOptions options,
                 std::shared_ptr<const std::vector<HttpTarget>> targets,
                 std::unique_ptr<runtime::ReplayStream> client, Ended ended);

  void start();
  // For the owner: ends both sides now and logs the present request, without calling `ended`.
  void close(const std::string& reason);

  std::uint64_t from_client() const { return from_client_; }  // bytes
  std::uint64_t to_client() const { return to_client_; }
  Instant last_byte() const { return last_byte_; }  // last byte either way

 private:
  // Makes an event handler: while the client is there, it calls `handle` and then apply().
  template <class Handle>
  auto while_there(Handle handle);
  void start_upstream(std::unique_ptr<runtime::ByteStream> stream);
  void connect(std::size_t index);
  void apply();
  void balance();
  void end_when_wanted(const http::Effects& effects);
  Now now() const { return loop_.now(); }

  runtime::Loop& loop_;
  http::Session session_;
  std::shared_ptr<const std::vector<HttpTarget>> targets_;
  std::unique_ptr<runtime::ReplayStream> client_;
  std::unique_ptr<runtime::StreamConnect> connect_;
  std::unique_ptr<runtime::ByteStream> upstream_;
  runtime::Timer timer_;
  Ended ended_;
  bool client_paused_ = false;
  bool upstream_paused_ = false;
  std::uint64_t from_client_ = 0;
  std::uint64_t to_client_ = 0;
  Instant last_byte_ = loop_.now().steady;
};

}  // namespace culvert::terminator
