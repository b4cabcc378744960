// A connection to the proxy until its request is answered: SOCKS5, HTTP CONNECT, or one HTTP
// request in absolute form (request.hpp has the parsers). A request that cannot be served gets its
// answer from the ProxyClient, and the connection ends.
//
// The way of a request: Door → start() → read() → Events::asked with the target → the proxy's
// dialer. Then take() answers the client and gives its stream to the proxy's Tunnels.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/proxy/farewell.hpp"
#include "agent/proxy/request.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/replay_stream.hpp"

namespace culvert::proxy {

inline constexpr Duration kProxyHeadTimeout = 10s;  // from accept to a complete request

class ProxyClient : public std::enable_shared_from_this<ProxyClient> {
 public:
  enum class Ending { kMalformed, kForeign, kGone };
  struct Events {
    std::function<void(const Target&)> asked;
    std::function<void(Ending)> ended;  // the last event; not after take() or refuse_…()
  };

  ProxyClient(runtime::Loop& loop, std::unique_ptr<runtime::ByteStream> stream,
              std::shared_ptr<Farewells> farewells, Events events);

  void start();

  // The service is connected: answers the client and returns its stream, which begins with the
  // bytes after the request.
  std::unique_ptr<runtime::ByteStream> take();
  // The stream that take() returns carries one request for an http:// URL, not a tunnel.
  bool is_single_request() const { return !request_.connect; }

  void refuse_unreachable();  // the same answer for every target that cannot be reached
  void refuse_full();         // a limit of the proxy is reached

 private:
  void too_slow();
  void read(ByteView bytes);
  void read_socks();
  void read_http();
  void forget(std::size_t size);
  void ask(ProxyRequest request);
  void reject(std::string_view answer, Ending ending);
  void last_words(std::string_view answer);
  void end(Ending ending);

  std::unique_ptr<runtime::ReplayStream> stream_;
  std::shared_ptr<Farewells> farewells_;
  runtime::Timer timer_;
  Events events_;
  Bytes head_;  // bounded by the parsers' limits and one read
  ProxyRequest request_;
  bool socks_ = false;
  bool greeted_ = false;
};

}  // namespace culvert::proxy
