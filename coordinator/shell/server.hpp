// The running coordinator: sockets around the core. A connection arrives by TLS or plain TCP, then
// sends an HTTP head. A request for /control/v1 becomes a WebSocket, whose binary messages go to
// the core as records; /healthz and /readyz get an answer. A second listener, on loopback only,
// also serves /metrics. Everything runs on one loop's thread. A connection that has not proven an
// identity has a place in the WaitingRoom of its listener.
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

inline constexpr Duration kStorePoll = 500ms;  // looks for rows of other processes
inline constexpr Duration kProbeEvery = 5s;    // a real write; /readyz shows its result

class Server {
 public:
  // Opens the listeners. `tls` null: plain HTTP. Loop, store and rng outlive the server.
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
  void lift_limits(ConnectionId id);  // when the core knows the peer
  void drain();                       // carries out the core's effects, sets its next timer

  runtime::Loop& loop_;
  std::shared_ptr<runtime::TlsServerContext> tls_;
  Store& store_;
  Rng& rng_;
  Core core_;
  std::unique_ptr<runtime::TcpListener> listener_;
  std::unique_ptr<runtime::TcpListener> admin_;
  runtime::WaitingRoom strangers_;  // of the public listener
  runtime::WaitingRoom watchers_;   // of the loopback listener
  std::map<ConnectionId, Peer> peers_;
  std::uint64_t last_id_ = 0;
  std::uint64_t malformed_ = 0;  // of TLS, HTTP and WebSocket; the core counts records
  std::uint64_t store_version_ = 0;
  std::set<IpAddress> trusted_proxies_;
  Status writable_ = {};  // result of the last probe
  Instant probe_at_{};
  runtime::Timer core_timer_;
  runtime::Timer store_timer_;
  runtime::Metrics metrics_;
};

}  // namespace culvert::coordinator
