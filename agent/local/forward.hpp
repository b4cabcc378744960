// A local port that leads to one granted service: `culvert forward 8443:api.site.example`.
// Listens on 127.0.0.1 only and serves the agent's owner alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/local/proxy.hpp"

namespace culvert::local {

constexpr std::size_t kMaxForwards = 64;
constexpr std::size_t kMaxForwardClients = 256;  // of one forward

// LOCALPORT:HOST[:PORT]; port 0 lets the system choose, no PORT means the service's own.
struct ForwardSpec {
  std::uint16_t local_port = 0;
  std::string host;
  std::uint16_t port = 0;  // 0: the service's own

  static Result<ForwardSpec> parse(std::string_view text);
};

class Forward {
 public:
  static Result<std::unique_ptr<Forward>> open(runtime::Loop& loop, const ForwardSpec& spec,
                                               Dialer dialer, OwnerCheck owner);
  ~Forward();  // ends its connections
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  const ForwardSpec& spec() const;
  Endpoint local_endpoint() const;
  std::size_t clients() const;

 private:
  class Impl;
  explicit Forward(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::local
