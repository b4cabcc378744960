// One listening port that speaks SOCKS5 (RFC 1928: no authentication, CONNECT) and HTTP CONNECT
// (RFC 9110 §9.3.6), told apart by the first byte. It serves the agent's owner alone.
//
// What may be reached is the dialer's business; whatever it refuses looks the same to the client,
// granted elsewhere or non-existent: SOCKS5 reply 4, HTTP 502 with one body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/loop.hpp"
#include "proto/runtime/stream.hpp"

namespace culvert::local {

constexpr std::size_t kMaxProxyClients = 512;  // further ones are closed at once
constexpr Duration kProxyHeadTimeout = 10s;    // from accept to a complete request

// `host` is a lower-case name without a trailing dot, or an address literal without brackets; port
// 0 (forwards only) means the service's own. The callback comes once, now or later, on the loop's
// thread, with a stream that is not started.
using Dialed = std::function<void(Result<std::unique_ptr<runtime::ByteStream>>)>;
using Dialer = std::function<void(std::string host, std::uint16_t port, Dialed done)>;

// May the process behind a connection from `client` to `listener` (both loopback) use this agent?
using OwnerCheck = std::function<bool(const Endpoint& client, const Endpoint& listener)>;

struct ProxyCounters {
  std::uint64_t accepted = 0;   // connections
  std::uint64_t opened = 0;     // tunnels
  std::uint64_t refused = 0;    // by the dialer
  std::uint64_t malformed = 0;  // not SOCKS5 CONNECT or HTTP CONNECT, or too slow
  std::uint64_t foreign = 0;    // another user's process, or a web page
  std::uint64_t full = 0;       // kMaxProxyClients
  std::size_t clients = 0;      // now
};

// Names that the dialer refused, so that `culvert run` can say what no grant covers.
constexpr std::size_t kMaxRefusals = 64;  // the oldest is forgotten
struct Refusals {
  std::uint64_t last = 0;  // number of the newest; they are numbered from 1
  std::vector<std::string> names;
};

class Proxy {
 public:
  // `listen` is a loopback address; port 0 takes a free one.
  static Result<std::unique_ptr<Proxy>> open(runtime::Loop& loop, const Endpoint& listen,
                                             Dialer dialer, OwnerCheck owner);
  ~Proxy();  // ends every tunnel
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  Endpoint local_endpoint() const;
  ProxyCounters counters() const;
  Refusals refusals(std::uint64_t after) const;  // with numbers above `after`, oldest first

 private:
  class Impl;
  explicit Proxy(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::local
