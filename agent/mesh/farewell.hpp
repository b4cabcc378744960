// The packet that a site's agent sends through the tunnel when it stops: an IPv6 packet with no
// next header (RFC 8200 §4.7), from the address of one of its services to the device. The device's
// core handles the packet; it passes no filter and reaches no stack.
#pragma once

#include <algorithm>
#include <string_view>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/ip/packet.hpp"

namespace culvert::agent {

inline constexpr std::string_view kFarewell = "culvert/stops/v1";

inline Bytes farewell(const IpAddress& service, const IpAddress& device) {
  Bytes packet(ip::kIpv6HeaderSize);
  packet[0] = 0x60;
  store_be(packet.data() + 4, static_cast<std::uint16_t>(kFarewell.size()));
  packet[6] = ip::kNoNext;
  packet[7] = 64;  // hop limit
  std::copy(service.bytes.begin(), service.bytes.end(), packet.begin() + 8);
  std::copy(device.bytes.begin(), device.bytes.end(), packet.begin() + 24);
  append(packet, view(kFarewell));
  return packet;
}

inline bool is_farewell(ByteView packet) {
  return packet.size() == ip::kIpv6HeaderSize + kFarewell.size() && packet[0] >> 4U == 6 &&
         packet[6] == ip::kNoNext && equal(packet.subspan(ip::kIpv6HeaderSize), view(kFarewell));
}

}  // namespace culvert::agent
