// The running coordinator: sockets around the core. TLS or plain TCP → HTTP head → /control/v1
// becomes a WebSocket whose binary messages are the core's records; /healthz, /readyz. A second,
// loopback listener serves /metrics too. Everything on one loop's thread. A connection that has not
// proven who it is has a place in a WaitingRoom; each listener has one of its own.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "coordinator/core/core.hpp"
#include "coordinator/shell/settings.hpp"
#include "coordinator/store/store.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/loop/metrics.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/http.hpp"
#include "proto/runtime/stream/tcp.hpp"
#include "proto/runtime/stream/tls.hpp"
#include "proto/runtime/stream/waiting_room.hpp"
#include "proto/runtime/stream/websocket.hpp"

namespace culvert::coordinator {

inline constexpr Duration kStorePoll = 500ms;  // for what other processes have added
inline constexpr Duration kProbeEvery = 5s;    // a real write, whose outcome /readyz shows

class Server {
 public:
  // Listens. `tls` null: plain HTTP. Loop, store and rng outlive the server.
  static Result<std::unique_ptr<Server>> open(runtime::Loop& loop, const Settings& settings,
                                              std::shared_ptr<runtime::TlsServerContext> tls,
                                              CoreOptions options, Store& store, Rng& rng);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Endpoint listening() const { return listener_->local_endpoint(); }
  std::optional<Endpoint> metrics() const;
  Counters counters() const { return core_.counters(); }

 private:
  struct Peer {
    std::unique_ptr<runtime::HttpAcceptor> http;
    std::unique_ptr<runtime::WebSocketStream> socket;
    bool stranger = true;
  };

  Server(runtime::Loop& loop, const Settings& settings,
         std::shared_ptr<runtime::TlsServerContext> tls, CoreOptions options, Store& store,
         Rng& rng);
  Status listen(const Settings& settings);
  void accepted(std::unique_ptr<runtime::TcpStream> stream, const Endpoint& from, bool admin);
  void requested(ConnectionId id, const Result<http::RequestHead>& head, const Endpoint& from,
                 bool admin);
  void upgrade(ConnectionId id, const http::RequestHead& head, const Endpoint& from);
  void answer(ConnectionId id, int status, std::string_view body);
  std::string render_metrics();
  std::string render_endings() const;
  void look_at_store();
  void probe_store();
  std::string source(const http::RequestHead& head, const Endpoint& from) const;
  void lift_limits(ConnectionId id);  // once the core knows the peer
  void drain();                       // the core's effects, and when it wants to be called next

  runtime::Loop& loop_;
  std::shared_ptr<runtime::TlsServerContext> tls_;
  Store& store_;
  Rng& rng_;
  Core core_;
  std::unique_ptr<runtime::TcpListener> listener_;
  std::unique_ptr<runtime::TcpListener> admin_;
  runtime::WaitingRoom strangers_;  // of the public listener, until the core knows who it is
  runtime::WaitingRoom watchers_;   // of the loopback listener
  std::map<ConnectionId, Peer> peers_;
  std::uint64_t last_id_ = 0;
  std::uint64_t malformed_ = 0;  // TLS, HTTP and WebSocket; the core counts what is inside
  std::uint64_t store_version_ = 0;
  std::set<IpAddress> trusted_proxies_;
  Status writable_ = {};  // as the last probe found
  Instant probe_at_{};
  runtime::Timer core_timer_;
  runtime::Timer store_timer_;
  runtime::Metrics metrics_;
};

}  // namespace culvert::coordinator
