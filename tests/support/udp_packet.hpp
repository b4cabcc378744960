// Whole UDP packets for tests of code that reads packets.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"

namespace culvert::ip {

// An IP packet with one UDP datagram and correct checksums. Both addresses must be of one family,
// which decides the IP version.
inline Bytes udp_packet(const Endpoint& from, const Endpoint& to, ByteView payload) {
  constexpr std::uint8_t kHopLimit = 64;
  const bool v4 = from.address.is_v4();
  if (v4 != to.address.is_v4()) std::abort();
  const std::size_t header = v4 ? kIpv4HeaderSize : kIpv6HeaderSize;
  const std::size_t length = kUdpHeaderSize + payload.size();
  Bytes out(header + length);
  if (v4) {
    out[0] = 0x45;
    store_be(out.data() + 2, static_cast<std::uint16_t>(out.size()));
    out[8] = kHopLimit;
    out[9] = kUdp;
    std::copy(from.address.raw().begin(), from.address.raw().end(), out.begin() + 12);
    std::copy(to.address.raw().begin(), to.address.raw().end(), out.begin() + 16);
    store_be(out.data() + 10, checksum(ByteView(out).first(header)));
  } else {
    out[0] = 0x60;
    store_be(out.data() + 4, static_cast<std::uint16_t>(length));
    out[6] = kUdp;
    out[7] = kHopLimit;
    std::copy(from.address.bytes.begin(), from.address.bytes.end(), out.begin() + 8);
    std::copy(to.address.bytes.begin(), to.address.bytes.end(), out.begin() + 24);
  }
  auto* udp = out.data() + header;
  store_be(udp, from.port);
  store_be(udp + 2, to.port);
  store_be(udp + 4, static_cast<std::uint16_t>(length));
  std::copy(payload.begin(), payload.end(), udp + kUdpHeaderSize);
  std::uint16_t sum =
      transport_checksum(from.address, to.address, kUdp, ByteView(out).subspan(header));
  if (sum == 0) sum = 0xFFFF;  // zero would mean "no checksum" (RFC 768)
  store_be(udp + 6, sum);
  return out;
}

}  // namespace culvert::ip
