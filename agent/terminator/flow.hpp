// One accepted connection, from its acceptance to its end. Owned by the terminator's registry,
// which drops it in `ended`; its events hold it weakly.
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

// A configured service with what its connections share.
struct ServiceState {
  Service config;
  std::shared_ptr<runtime::TlsClientContext> upstream_tls;      // null: plain
  std::shared_ptr<const std::vector<HttpTarget>> http_targets;  // null: no HTTP routes
  std::map<std::string, Leaf> leaves;  // by name; the routes' hosts at most

  bool serves(std::string_view name) const;  // as a TLS server name
};

// What a flow needs of the terminator.
struct FlowHost {
  runtime::Loop& loop;
  Authorize authorize;
  Counters counters;
  std::shared_ptr<runtime::TlsServerContext> tls;
  std::shared_ptr<runtime::TlsServerContext> http_tls;  // takes "http/1.1" by ALPN
  std::function<crypto::TlsIdentity(ServiceState&, const std::string& name)> identity;
  std::function<void(const IpAddress& peer, std::uint64_t id)> ended;
};

class Flow : public std::enable_shared_from_this<Flow> {
 public:
  Flow(std::shared_ptr<FlowHost> host, std::shared_ptr<ServiceState> service, std::uint64_t id,
       const IpAddress& peer);

  void begin(std::unique_ptr<runtime::ByteStream> stream);
  void end(const std::string& reason);  // closes both sides, tells FlowClosed and the host; once
  void abandon();                       // closes both sides, tells nobody

  const IpAddress& peer() const { return peer_; }
  const std::string& fqdn() const { return service_->config.fqdn; }
  Instant last_byte() const;  // either way; of one that is not joined yet: its beginning

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
  bool client_ready_ = false;  // its TLS handshake is done, or it has none
  bool over_ = false;
};

}  // namespace culvert::terminator
