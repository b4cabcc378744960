// A bounds-checked view of one IPv4 (RFC 791) or IPv6 (RFC 8200) packet.
//
//   IPv4   0 version 4 bits ‖ header words 4 bits · 2 total length · 6 flags ‖ fragment offset ·
//          9 protocol · 10 checksum · 12 source · 16 destination · 20 options
//   IPv6   0 version 4 bits · 4 payload length · 6 next header · 8 source · 24 destination · 40 …
//   TCP    0 source port · 2 destination port · 4 sequence · 8 acknowledgement ·
//          12 data offset 4 bits · 13 flags · 14 window · 16 checksum   (RFC 9293)
//   UDP    0 source port · 2 destination port · 4 length · 6 checksum   (RFC 768)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "proto/core/bytes.hpp"
#include "proto/core/endpoint.hpp"

namespace culvert::ip {

inline constexpr std::size_t kIpv4HeaderSize = 20;  // without options
inline constexpr std::size_t kIpv6HeaderSize = 40;
inline constexpr std::size_t kIpv6MinimumMtu = 1280;  // RFC 8200 §5
inline constexpr std::size_t kTcpHeaderSize = 20;     // without options
inline constexpr std::size_t kUdpHeaderSize = 8;

enum Protocol : std::uint8_t { kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpV6 = 58, kNoNext = 59 };
enum TcpFlag : std::uint8_t { kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16 };

// A packet with more extension headers than this, or longer than the bytes that hold it, is
// refused.
inline constexpr int kMaxExtensionHeaders = 8;

// The addresses and the length of a packet: a tunnel checks this much of every packet. An IPv6
// packet from or to ::ffff:0:0/96 is refused: IpAddress uses such addresses for IPv4, and they
// never belong on a wire.
struct Addresses {
  IpAddress source;
  IpAddress destination;
  std::size_t total_length = 0;  // at most packet.size(); bytes after it are padding

  static std::optional<Addresses> parse(ByteView packet);
};

struct PacketView {
  std::uint8_t version = 0;     // 4 or 6
  std::uint8_t protocol = 0;    // the transport protocol, after any extension headers
  bool later_fragment = false;  // has no transport header
  IpAddress source;
  IpAddress destination;
  ByteView packet;     // the packet without padding
  ByteView transport;  // from the transport header on; empty in later fragments

  // Nothing unless the packet is TCP or UDP (tcp_flags: TCP) with a whole transport header.
  std::optional<std::uint16_t> source_port() const;
  std::optional<std::uint16_t> destination_port() const;
  std::optional<std::uint8_t> tcp_flags() const;
  ByteView payload() const;  // the bytes after the TCP or UDP header; may be empty

  static std::optional<PacketView> parse(ByteView packet);
};

}  // namespace culvert::ip
