// The outbound connections that the core asks for: one to the coordinator (WebSocket) and one to
// each relay in use (TLS pinned to the relay's certificate, then HTTP Upgrade: DERP), through an
// HTTP proxy if the rules name one. These connections are not trusted: Noise and the relay login
// authenticate inside of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/core/effects.hpp"
#include "proto/runtime/stream/connect.hpp"
#include "proto/runtime/stream/http.hpp"
#include "proto/runtime/stream/proxy.hpp"
#include "proto/runtime/stream/websocket.hpp"

namespace culvert::agent {

// The events are called from the loop, never inside open() or send(). `closed` is the last event of
// an id; it does not come after a close().
struct LinkEvents {
  std::function<void(ConnectionId)> opened;
  std::function<void(ConnectionId, ByteView)> bytes;  // a whole message, or a part of a stream
  std::function<void(ConnectionId, const std::string& reason)> closed;
};

class ControlLink {
 public:
  ControlLink(runtime::Loop& loop, Rng& rng, LinkEvents events, runtime::ProxyRules proxies);

  void open(const OpenControl& what);
  void send(const SendControl& what);
  void close(const CloseControl& what);

 private:
  void connected(Result<std::unique_ptr<runtime::WebSocketStream>> stream);
  void fail(const std::string& reason);

  runtime::Loop& loop_;
  Rng& rng_;
  LinkEvents events_;
  runtime::ProxyRules proxies_;
  ConnectionId id_ = 0;
  std::unique_ptr<runtime::WebSocketConnect> connecting_;
  std::unique_ptr<runtime::WebSocketStream> stream_;
};

// The HTTP request that turns a TLS connection to `relay` into a DERP connection.
http::RequestHead derp_upgrade(const RelayTarget& relay);

class RelayLinks {
 public:
  // Appends bytes for the relay while `out` has less than `room` bytes (Core::pull_relay).
  using Pull = std::function<void(ConnectionId, std::size_t room, Bytes& out)>;

  // The relays' addresses come from the coordinator, which is not trusted. Unless `allow_private`,
  // no address may lead inside (leads_inside()). The check uses the address after the name look-up.
  // With a proxy, which looks names up itself, only a literal address can be checked.
  RelayLinks(runtime::Loop& loop, LinkEvents events, Pull pull, runtime::ProxyRules proxies,
             bool allow_private);

  void open(const OpenRelay& what);
  void flush(ConnectionId id);
  void close(const CloseRelay& what);
  bool flushed() const;  // true: no stream has unsent bytes

 private:
  struct Link {
    RelayTarget target;
    std::unique_ptr<runtime::StreamConnect> connecting;
    std::unique_ptr<runtime::HttpUpgrade> upgrading;
    std::unique_ptr<runtime::ByteStream> stream;
    std::size_t low_water = runtime::kLowWater;
  };

  void connected(ConnectionId id, Result<std::unique_ptr<runtime::ByteStream>> stream);
  void upgraded(ConnectionId id, Result<runtime::Upgraded> upgraded);
  void fail(ConnectionId id, const std::string& reason);

  runtime::Loop& loop_;
  LinkEvents events_;
  Pull pull_;
  runtime::ProxyRules proxies_;
  bool allow_private_;
  std::map<ConnectionId, Link> links_;
  Bytes buffer_;
};

}  // namespace culvert::agent
