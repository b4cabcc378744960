// One accepted connection, from its acceptance to its end. The terminator's registry owns the flow
// and drops it in FlowHost::ended; the flow's events have weak pointers to it.
//
//   Authorizing ──allowed──▶ Connecting ──client and handler ready──▶ Handled ──▶ Closed
//        │                        │                                                ▲
//        └── foreign name, denied ┴── handshake or upstream failed, cut ───────────┘
//
// Without TLS the client is ready at once. With TLS authorization happens within the handshake, at
// the ClientHello; the handler connects while the handshake goes on.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "agent/terminator/handler.hpp"
#include "agent/terminator/terminator.hpp"
#include "proto/runtime/stream/replay_stream.hpp"
#include "proto/runtime/stream/tls.hpp"

namespace culvert::terminator {

struct Leaf {
  crypto::TlsIdentity identity;
  WallTime renew_at;
};

// A service, and the state that its connections share.
struct ServiceState {
  std::shared_ptr<const Service> service;
  std::shared_ptr<const Targets> targets;
  std::shared_ptr<runtime::TlsServerContext> tls;  // offers the protocol's ALPN names
  std::map<std::string, Leaf> leaves;              // by name; at most the hosts of the routes
};

// The parts of the terminator that a flow uses.
struct FlowHost {
  runtime::Loop& loop;
  Authorize authorize;
  Counters counters;
  std::function<crypto::TlsIdentity(ServiceState&, const std::string& name)> identity;
  std::function<void(const IpAddress& peer, std::uint64_t id)> ended;
};

class Flow : public std::enable_shared_from_this<Flow> {
 public:
  Flow(std::shared_ptr<FlowHost> host, std::shared_ptr<ServiceState> service, std::uint64_t id,
       const IpAddress& peer);

  void begin(std::unique_ptr<runtime::ByteStream> stream);
  void end(const std::string& reason);  // closes both sides, calls FlowClosed and `ended`; once
  void abandon();                       // closes both sides without a callback

  const IpAddress& peer() const { return peer_; }
  const std::string& fqdn() const { return service_->service->fqdn; }
  Instant last_byte() const;  // last byte either way; before the streams are joined: the beginning

 private:
  struct Authorizing {
    std::unique_ptr<runtime::ReplayStream> client;  // null before begin()
  };
  struct Connecting {
    std::unique_ptr<runtime::ReplayStream> client;
    Handler handler;
    bool client_ready = false;  // the TLS handshake is done, or the service has no TLS
    bool handler_ready = false;
  };
  struct Handled {
    Handler handler;  // has the client
  };
  struct Closed {};
  using State = std::variant<Authorizing, Connecting, Handled, Closed>;

  void begin_tls(std::unique_ptr<runtime::ByteStream> stream);
  Result<crypto::TlsIdentity> choose(std::string_view server_name);
  Status authorize(const std::string& tls_name);
  void handle_client_ready();
  void handle_handler_ready();
  void handle_when_ready(Connecting& connecting);
  void handler_ended(HandlerEnd how, const std::string& reason);
  Traffic close(const std::string& reason);

  std::shared_ptr<FlowHost> host_;
  std::shared_ptr<ServiceState> service_;
  std::uint64_t id_;
  IpAddress peer_;
  Instant begun_;
  State state_;
  FlowClosed closed_;  // from the admission; empty: not authorized
};

}  // namespace culvert::terminator
