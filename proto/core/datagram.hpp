// A datagram of the outer network, and the way on which it came or will go. The UDP sockets, the
// relay connections, WireGuard and the search for paths all use these types.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <variant>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/core/public_keys.hpp"
#include "proto/core/strong.hpp"

namespace culvert {

// A UDP socket of this process, and a relay that this node uses. Their owners give the numbers.
using SocketIndex = Strong<struct SocketIndexTag, std::uint16_t>;
using RelayIndex = Strong<struct RelayIndexTag, std::uint32_t>;

// Directly: between a local UDP socket and an endpoint of the other side.
struct UdpWay {
  Endpoint endpoint;
  SocketIndex socket{};

  friend auto operator<=>(const UdpWay&, const UdpWay&) = default;
};

// Through a relay: to or from the node that has logged in to the relay with `key`. `relay` is the
// relay that a received datagram came through. A datagram to send may take another relay.
struct RelayWay {
  crypto::RelayKey key;
  RelayIndex relay{};

  friend auto operator<=>(const RelayWay&, const RelayWay&) = default;
};

// std::monostate: unknown, for example the way to a WireGuard peer without an endpoint.
using Way = std::variant<std::monostate, UdpWay, RelayWay>;

// Null: the way is not a UdpWay.
inline const Endpoint* endpoint_of(const Way& way) {
  const auto* udp = std::get_if<UdpWay>(&way);
  return udp == nullptr ? nullptr : &udp->endpoint;
}

// A received datagram and its source, or a datagram to send and its destination. The struct does
// not own `bytes`. A receiver may change `bytes` in place; a sender leaves them as they are.
struct Datagram {
  Way way;
  MutableByteView bytes;
  std::uint8_t ecn = 0;  // ECN bits of the outer IP header (RFC 3168); 0 through a relay
};

}  // namespace culvert

template <>
struct std::hash<culvert::UdpWay> {
  std::size_t operator()(const culvert::UdpWay& way) const noexcept {
    return std::hash<culvert::Endpoint>{}(way.endpoint) * 31U + way.socket.value;
  }
};
template <>
struct std::hash<culvert::RelayWay> {
  std::size_t operator()(const culvert::RelayWay& way) const noexcept {
    return std::hash<culvert::crypto::RelayKey>{}(way.key) * 31U + way.relay.value;
  }
};
