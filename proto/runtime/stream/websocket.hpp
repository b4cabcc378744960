// WebSocket (RFC 6455) by wslay over any ByteStream: binary messages up to kMaxMessage in at most
// kMaxFragments frames. Pings are answered; text messages, oversize and malformed frames close the
// stream with the protocol's code. Over a limited stream a message has at most kMaxForStranger
// bytes and kMaxStrangerFragments frames.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proto/core/rng.hpp"
#include "proto/http/url.hpp"
#include "proto/runtime/stream/http.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::runtime {

inline constexpr std::size_t kMaxMessage = 1U << 20U;
inline constexpr std::size_t kMaxFragments = 1024;  // frames of one message
inline constexpr std::size_t kMaxStrangerFragments = 64;

enum class WebSocketRole { kClient, kServer };

struct WebSocketEvents {
  std::function<void(ByteView)> message;       // a whole message; valid during the call
  std::function<void()> drained;               // as in StreamEvents
  std::function<void(const Closing&)> closed;  // the last event, once
};

// The rules of ByteStream on events, close() and destruction apply to WebSocketStream as well.
class WebSocketStream {
 public:
  WebSocketStream(Loop& loop, Rng& rng, WebSocketRole role, std::unique_ptr<ByteStream> inner);
  ~WebSocketStream();
  WebSocketStream(const WebSocketStream&) = delete;
  WebSocketStream& operator=(const WebSocketStream&) = delete;

  void start(WebSocketEvents events);
  void send(ByteView message);  // limited to kMaxUnsent, as ByteStream::write()
  void ping();
  std::size_t unsent() const;
  void finish();  // sends Close after all messages; `closed` follows the peer's answer
  void close();
  void pause();
  void resume();
  bool limited() const;  // as ByteStream::limited()
  void lift_limits();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// A WebSocket as a ByteStream: each write is one message, and message borders have no meaning
// (DERP).
std::unique_ptr<ByteStream> websocket_byte_stream(Loop& loop, Rng& rng, WebSocketRole role,
                                                  std::unique_ptr<ByteStream> inner);

// Handshake, server side: whether the request is a WebSocket upgrade, and the headers of the 101.
bool is_websocket_upgrade(const http::RequestHead& request);
Result<http::HttpHeaders> websocket_accept(const http::RequestHead& request,
                                           std::string_view subprotocol = "");
// Client side: the request, and the check of the 101.
http::RequestHead websocket_request(const http::Url& url, Rng& rng,
                                    std::string_view subprotocol = "");
Status websocket_check(const http::RequestHead& request, const http::ResponseHead& answer);

// Connects to ws://, wss://, http:// or https://: TCP, TLS, upgrade. The destructor cancels.
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
