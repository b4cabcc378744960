// A service as the terminator serves it, and the upstreams with their TLS contexts.
//
// The way of a service: configuration (agent/shell/config.hpp) → Service → check_authorities() at
// the start → Terminator::set_service() once a grant names the service → Targets → handlers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/http/exchange.hpp"
#include "proto/core/host_port.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/stream/connect.hpp"

namespace culvert::terminator {

inline constexpr Duration kIdleTimeout = 1h;  // no byte either way

enum class Mode { kTls, kTcp };

struct UpstreamTls {
  std::string authorities_pem;  // empty: the system's
  std::string server_name;      // empty: the upstream's host
};
struct Upstream {
  HostPort at;  // a name is resolved at each connection (see address_rules.hpp)
  std::optional<UpstreamTls> tls = {};
};

// The protocols of a service, one for each handler (handler.hpp).
struct Pipe {
  Upstream upstream;
  Duration idle = kIdleTimeout;
};
struct HttpRoutes {  // only with mode kTls
  std::shared_ptr<const http::Routes> routes;
  std::vector<Upstream> upstreams;       // the routes name them by index
  std::shared_ptr<http::AccessLog> log;  // null: no log
  Duration response_time = http::kResponseTime;
};
using Protocol = std::variant<Pipe, HttpRoutes>;

struct Service {
  std::string fqdn;
  Mode mode = Mode::kTcp;
  Protocol protocol;

  bool serves(std::string_view name) const;  // `name`: a TLS server name
  std::vector<std::string> alpn() const;     // of the client's TLS; empty: none is offered
  std::vector<Upstream> upstreams() const;   // of a pipe: one
};

// An upstream that can be connected to.
struct Target {
  HostPort at;
  std::shared_ptr<runtime::TlsClientContext> tls;  // null: plain TCP
};
using Targets = std::vector<Target>;

// The service's upstreams, in their order. kInvalid: a CA bundle cannot be used.
Result<Targets> make_targets(const Service& service);
// The error of make_targets(): finds a bad CA bundle before anybody connects.
Status check_authorities(const Service& service);

// Connects to an address that may_connect() allows. The result cancels when it is destroyed.
std::unique_ptr<runtime::StreamConnect> connect(runtime::Loop& loop, const Target& target,
                                                runtime::StreamConnect::Done done);

}  // namespace culvert::terminator
