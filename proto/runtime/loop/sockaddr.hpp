// Converts an Endpoint to and from sockaddr.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "proto/core/endpoint.hpp"

namespace culvert::runtime {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// `mapped`: write IPv4 as ::ffff:a.b.c.d, for a socket that carries both families.
inline SocketAddress to_sockaddr(const Endpoint& endpoint, bool mapped = false) {
  SocketAddress out;
  if (endpoint.address.is_v4() && !mapped) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    std::memcpy(&in.sin_addr, endpoint.address.bytes.data() + 12, 4);
    std::memcpy(&out.storage, &in, sizeof in);
    out.size = sizeof in;
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(endpoint.port);
    std::memcpy(&in.sin6_addr, endpoint.address.bytes.data(), 16);
    std::memcpy(&out.storage, &in, sizeof in);
    out.size = sizeof in;
  }
  return out;
}

inline Endpoint from_sockaddr(const void* raw) {
  sa_family_t family = AF_UNSPEC;
  std::memcpy(&family, raw, sizeof family);
  if (family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, raw, sizeof in);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &in.sin_addr, 4);
    return {*IpAddress::from(bytes), ntohs(in.sin_port)};
  }
  if (family != AF_INET6) return {};
  sockaddr_in6 in{};
  std::memcpy(&in, raw, sizeof in);
  Endpoint out;
  std::memcpy(out.address.bytes.data(), &in.sin6_addr, 16);
  out.port = ntohs(in.sin6_port);
  return out;
}

}  // namespace culvert::runtime
