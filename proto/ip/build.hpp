// Makes IP packets: answers to refused packets, and TCP segments of the agent's own.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"
#include "proto/ip/packet.hpp"

namespace culvert::ip {

// ICMPv6 destination unreachable, communication administratively prohibited (RFC 4443 §3.1, type 1
// code 1), from `source` (the refuser) to the packet's sender, with as much of the packet as fits
// in 1280 bytes. Nothing where §2.4(e) forbids an error: for ICMPv6 errors, multicast or
// unspecified addresses, later fragments, and IPv4.
std::optional<Bytes> icmpv6_prohibited(const PacketView& refused, const IpAddress& source);

// ICMPv6 packet too big (RFC 4443 §3.2, type 2): the sender's packets may be `mtu` bytes long.
// Source, quoted bytes and the cases without an answer are those of icmpv6_prohibited().
std::optional<Bytes> icmpv6_too_big(const PacketView& refused, const IpAddress& source,
                                    std::size_t mtu);

// The TCP reset that a closed port would send (RFC 9293 §3.10.7.1). Nothing for packets that are
// not TCP, are resets themselves or are fragments.
std::optional<Bytes> tcp_reset(const PacketView& refused);

struct TcpFields {
  std::uint8_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint16_t window = 65535;
};

// A whole packet with correct checksums. Both addresses are of one family, which is the packet's.
Bytes tcp_packet(const Endpoint& from, const Endpoint& to, const TcpFields& fields,
                 ByteView payload);

}  // namespace culvert::ip
