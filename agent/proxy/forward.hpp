// A local port that leads to one granted service: `culvert forward 8443:api.site.example`. Listens
// on 127.0.0.1 and [::1] only. Serves only the agent's owner, and no web page of another site
// (browser.hpp).
//
// The way of a connection: Door (door.hpp) → GuardStream (guard_stream.hpp) → dialer → Tunnels
// (tunnels.hpp) with the service's stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/proxy/dialer.hpp"
#include "agent/proxy/door.hpp"

namespace culvert::proxy {

constexpr std::size_t kMaxForwards = 64;
constexpr std::size_t kMaxForwardClients = 256;  // of one forward; room.hpp has a further limit

// True for a service's protocol that is HTTP: there every foreign Host is refused.
bool is_http_protocol(std::string_view protocol);

// LOCALPORT:HOST[:PORT]; port 0 lets the system choose, no PORT means the service's own.
struct ForwardSpec {
  std::uint16_t local_port = 0;
  std::string host;
  std::uint16_t port = 0;  // 0: the service's own

  static Result<ForwardSpec> parse(std::string_view text);
};

struct ForwardCounters {
  std::uint64_t foreign = 0;     // another user's process
  std::uint64_t full = 0;        // refused because of a limit
  std::uint64_t cross_site = 0;  // refused requests (browser.hpp, request_guard.hpp)
};

class Forward {
 public:
  // `protocol`: the protocol of the service in the policy.
  static Result<std::unique_ptr<Forward>> open(runtime::Loop& loop, const ForwardSpec& spec,
                                               std::string_view protocol, Dialer dialer,
                                               DoorContext context);
  ~Forward();  // ends the forward's connections
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  const ForwardSpec& spec() const;
  Endpoint local_endpoint() const;
  std::size_t clients() const;
  ForwardCounters counters() const;

 private:
  class Impl;
  explicit Forward(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::proxy
