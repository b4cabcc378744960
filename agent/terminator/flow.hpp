// One accepted connection, from its acceptance to its end. The terminator's registry owns the flow
// and drops it in FlowHost::ended; the flow's events have weak pointers to it.
#pragma once

#include <memory>
#include <string>

#include "agent/terminator/http_connection.hpp"
#include "agent/terminator/terminator.hpp"
#include "proto/runtime/stream/replay_stream.hpp"
#include "proto/runtime/stream/splice.hpp"
#include "proto/runtime/stream/tls.hpp"

namespace culvert::terminator {

struct Leaf {
  crypto::TlsIdentity identity;
  WallTime renew_at;
};

// A configured service, and the state that its connections share.
struct ServiceState {
  Service config;
  std::shared_ptr<runtime::TlsClientContext> upstream_tls;      // null: plain TCP
  std::shared_ptr<const std::vector<HttpTarget>> http_targets;  // null: no HTTP routes
  std::map<std::string, Leaf> leaves;  // by name; at most the hosts of the routes

  bool serves(std::string_view name) const;  // `name`: a TLS server name
};

// The parts of the terminator that a flow uses.
struct FlowHost {
  runtime::Loop& loop;
  Authorize authorize;
  Counters counters;
  std::shared_ptr<runtime::TlsServerContext> tls;
  std::shared_ptr<runtime::TlsServerContext> http_tls;  // accepts "http/1.1" by ALPN
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
  const std::string& fqdn() const { return service_->config.fqdn; }
  Instant last_byte() const;  // last byte either way; before the streams are joined: the beginning

 private:
  void begin_tls(std::unique_ptr<runtime::ByteStream> stream);
  Result<crypto::TlsIdentity> choose(std::string_view server_name);
  Status authorize();
  void connect_upstream();
  void join_when_ready();
  void begin_http();
  void spliced(const runtime::SpliceReport& report);

  std::shared_ptr<FlowHost> host_;
  std::shared_ptr<ServiceState> service_;
  std::uint64_t id_;
  IpAddress peer_;
  Instant begun_;
  std::unique_ptr<runtime::ReplayStream> client_;
  std::unique_ptr<runtime::ByteStream> upstream_;
  std::unique_ptr<runtime::StreamConnect> connect_;
  std::unique_ptr<runtime::Splice> splice_;
  std::shared_ptr<HttpConnection> http_;
  std::string tls_name_;
  Admission admission_;
  bool authorized_ = false;
  bool client_ready_ = false;  // the client's TLS handshake is done, or the service has no TLS
  bool over_ = false;
};

}  // namespace culvert::terminator
