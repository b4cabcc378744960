// WebSocket (RFC 6455) by wslay over any ByteStream: binary messages up to kMaxMessage in at most
// kMaxFragments frames. Pings are answered; text messages, oversize and malformed frames close with
// the protocol's code. Over a limited stream a message has at most kMaxForStranger bytes and
// kMaxStrangerFragments frames.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proto/core/rng.hpp"
#include "proto/runtime/stream/http.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::runtime {

inline constexpr std::size_t kMaxMessage = 1U << 20U;
inline constexpr std::size_t kMaxFragments = 1024;  // frames of one message
inline constexpr std::size_t kMaxStrangerFragments = 64;

enum class WebSocketRole { kClient, kServer };

struct WebSocketEvents {
  std::function<void(ByteView)> message;     // whole; valid during the call
  std::function<void()> drained;             // as StreamEvents
  std::function<void(const Error&)> closed;  // last, once; clean close: empty message
};

// ByteStream's rules on events, close() and destruction hold here too.
class WebSocketStream {
 public:
  WebSocketStream(Loop& loop, Rng& rng, WebSocketRole role, std::unique_ptr<ByteStream> inner);
  ~WebSocketStream();
  WebSocketStream(const WebSocketStream&) = delete;
  WebSocketStream& operator=(const WebSocketStream&) = delete;

  void start(WebSocketEvents events);
  void send(ByteView message);  // bounded as ByteStream::write
  void ping();
  std::size_t unsent() const;
  void finish();  // sends Close after what was sent; `closed` follows the peer's answer
  void close();
  void pause();
  void resume();
  bool limited() const;  // as ByteStream's
  void lift_limits();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// The same as bytes: each write is one message, message borders mean nothing (DERP).
std::unique_ptr<ByteStream> websocket_byte_stream(Loop& loop, Rng& rng, WebSocketRole role,
                                                  std::unique_ptr<ByteStream> inner);

// Handshake, server side: whether the request is a WebSocket upgrade; the headers of the 101.
bool is_websocket_upgrade(const http::RequestHead& request);
Result<http::HttpHeaders> websocket_accept(const http::RequestHead& request,
                                           std::string_view subprotocol = "");
// Client side: the request, and the check of the 101.
http::RequestHead websocket_request(const http::Url& url, Rng& rng,
                                    std::string_view subprotocol = "");
Status websocket_check(const http::RequestHead& request, const http::ResponseHead& answer);

// Connects to ws://, wss://, http:// or https://: TCP, TLS, upgrade. Destroying it cancels.
class WebSocketConnect {
 public:
  using Done = std::function<void(Result<std::unique_ptr<WebSocketStream>>)>;
  WebSocketConnect(Loop& loop, Rng& rng, const http::Url& url,
                   std::shared_ptr<TlsClientContext> tls /*for https*/, Done done,
                   Duration timeout = kConnectTimeout,
                   std::shared_ptr<const HttpProxy> proxy = nullptr);
  ~WebSocketConnect();
  WebSocketConnect(const WebSocketConnect&) = delete;
  WebSocketConnect& operator=(const WebSocketConnect&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime
