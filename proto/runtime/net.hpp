// Names, addresses and interfaces of this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/endpoint.hpp"
#include "proto/core/result.hpp"
#include "proto/runtime/loop.hpp"

namespace culvert::runtime {

inline constexpr std::size_t kMaxResolved = 16;  // further addresses of a name are not looked at

struct HostPort {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 0;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

Result<HostPort> parse_host_port(std::string_view text);  // name:80, 10.0.0.1:80, [fd00::1]:80
std::string format(const HostPort& to);

// A look-up under way (getaddrinfo on libuv's pool). Destroying it forgets the answer.
class Resolve {
 public:
  using Done = std::function<void(Result<std::vector<IpAddress>>)>;
  Resolve(Loop& loop, const std::string& host, Done done);
  ~Resolve();
  Resolve(const Resolve&) = delete;
  Resolve& operator=(const Resolve&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Addresses of interfaces that are up; link-local IPv6 left out, loopback included.
std::vector<IpAddress> interface_addresses();

}  // namespace culvert::runtime
