// Connects mesh connections to the customer's endpoints. For each accepted stream of a service: TLS
// under the service's own FQDN (or no TLS), authorization, then a handler for the service's
// protocol (handler.hpp): a pipe to the upstream, or a strict HTTP/1.1 gateway (agent/http).
//
//   tls   ClientHello → name fits? → authorize → certificate; meanwhile the handler connects
//   tcp   accept → authorize → the handler connects
//
// The way of a connection: the mesh's TCP stack → accept() → Flow → handler → the upstream.
//
// A foreign server name gets the alert unrecognized_name. Every refusal of authorize() gets
// access_denied (tcp: a bare close), so that a refused client does not learn the reason. The
// upstream is reached only after authorize(). Used on one loop's thread; the loop outlives the
// terminator.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/http/access.hpp"
#include "agent/terminator/service.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/crypto/x509.hpp"
#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/stream/stream.hpp"

namespace culvert::terminator {

// A connection beyond its peer's share replaces the peer's connection that has been idle longest.
// A connection beyond the total replaces the longest idle one of the peer that has the most.
inline constexpr std::size_t kMaxConnections = 1024;
inline constexpr std::size_t kMaxConnectionsOfPeer = 256;  // for each mesh address

struct FlowEnd {
  std::uint64_t from_client = 0;  // bytes
  std::uint64_t to_client = 0;
  std::string reason;  // finished, idle, the cut's reason, or what failed
};
using FlowClosed = std::function<void(const FlowEnd&)>;
struct Admission {
  FlowClosed closed;   // called once when the flow has ended
  http::Identity who;  // if it is not complete, HTTP requests are refused
};
// Whether this mesh address may use this service now. On success the audit entry is durable. The
// callback must not call the terminator.
using Authorize = std::function<Result<Admission>(const IpAddress& peer, const std::string& fqdn)>;

struct Counters {
  std::uint64_t accepted = 0, replaced = 0, denied = 0, foreign_name = 0;
  std::uint64_t handshake_failed = 0, upstream_failed = 0, finished = 0, cut = 0;
};

class Terminator {
 public:
  Terminator(runtime::Loop& loop, crypto::ServerIssuer issuer, Authorize authorize);
  ~Terminator();  // closes all flows without a callback; call cut_if() before, for the audit log
  Terminator(const Terminator&) = delete;
  Terminator& operator=(const Terminator&) = delete;

  // Adds or replaces a service; open connections do not change. kInvalid: a bad CA bundle
  // (check_authorities() finds it before).
  Status set_service(Service service);
  void remove_service(const std::string& fqdn, const std::string& reason);  // cuts its flows

  // A connection to the service from a mesh address. Closes the stream if the service is unknown.
  void accept(const std::string& fqdn, std::unique_ptr<runtime::ByteStream> stream,
              const Endpoint& peer);

  // Ends flows now, on both sides. Returns their number.
  std::size_t cut_if(
      const std::function<bool(const IpAddress& peer, const std::string& fqdn)>& which,
      const std::string& reason);

  std::size_t connections() const;
  const Counters& counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::terminator
