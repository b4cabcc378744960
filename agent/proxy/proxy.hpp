// One listening port that speaks SOCKS5 (RFC 1928: no authentication, CONNECT) and HTTP: CONNECT
// (RFC 9110 §9.3.6) and requests for http:// URLs. The first byte tells the protocol. The proxy
// serves only the agent's owner.
//
// The way of a connection: Door (door.hpp) → ProxyClient, until its request is complete → dialer →
// Tunnels (tunnels.hpp) with the service's stream. The bytes of a request for an http:// URL go
// through a GuardStream on the way.
//
// The dialer decides which targets may be reached. Every target that it refuses, whether it exists
// or not, gets the same answer: SOCKS5 reply 4, HTTP 502 with one body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/proxy/dialer.hpp"
#include "agent/proxy/door.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::proxy {

constexpr std::size_t kMaxProxyClients = 512;  // with a request; more get 503 or SOCKS reply 1
constexpr std::size_t kMaxProxyHeads = 64;     // without a request yet; the oldest is replaced

struct ProxyCounters {
  std::uint64_t accepted = 0;   // connections of the owner
  std::uint64_t opened = 0;     // tunnels
  std::uint64_t refused = 0;    // targets that the dialer refused
  std::uint64_t malformed = 0;  // clients without a request that the proxy serves, and slow clients
  std::uint64_t foreign = 0;    // requests of another user's process or of a web page
  std::uint64_t replaced = 0;   // connections closed because of kMaxProxyHeads
  std::uint64_t full = 0;       // refused by kMaxProxyClients, or by the room of all local ports
  std::size_t clients = 0;      // connections with a request, at present
};

// Names that the dialer refused, so that `culvert run` can name what no grant covers.
constexpr std::size_t kMaxRefusals = 64;  // of more refusals, the oldest is forgotten
struct Refusals {
  std::uint64_t last = 0;  // number of the newest refusal; the first refusal has the number 1
  std::vector<std::string> names;
};

class Proxy {
 public:
  // `listen` is a loopback address; port 0 takes a free one.
  static Result<std::unique_ptr<Proxy>> open(runtime::Loop& loop, const Endpoint& listen,
                                             Dialer dialer, DoorContext context);
  ~Proxy();  // ends every tunnel
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  Endpoint local_endpoint() const;
  ProxyCounters counters() const;
  // The refusals with numbers above `after`, oldest first.
  Refusals refusals(std::uint64_t after) const;

 private:
  class Impl;
  explicit Proxy(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::proxy
