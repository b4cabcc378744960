#include "proto/ip/build.hpp"

#include <algorithm>
#include <cstdlib>

#include "proto/ip/checksum.hpp"

namespace culvert::ip {
namespace {

constexpr std::uint8_t kHopLimit = 64;
constexpr std::size_t kIcmpHeaderSize = 8;           // type · code · checksum · unused
constexpr std::uint8_t kDestinationUnreachable = 1;  // RFC 4443 §3.1
constexpr std::uint8_t kProhibited = 1;
constexpr std::uint8_t kPacketTooBig = 2;  // §3.2
constexpr std::uint8_t kIcmpV6FirstInformational = 128;

bool is_multicast(const IpAddress& address) {
  return address.is_v4() ? (address.bytes[12] & 0xF0U) == 0xE0U : address.bytes[0] == 0xFFU;
}

// An IP header with room for `size` bytes of transport behind it, all zero.
Bytes ip_packet(const IpAddress& from, const IpAddress& to, std::uint8_t protocol,
                std::size_t size) {
  if (from.is_v4() != to.is_v4()) std::abort();
  if (!from.is_v4()) {
    Bytes out(kIpv6HeaderSize + size);
    out[0] = 0x60;
    store_be(out.data() + 4, static_cast<std::uint16_t>(size));
    out[6] = protocol;
    out[7] = kHopLimit;
    std::copy(from.bytes.begin(), from.bytes.end(), out.begin() + 8);
    std::copy(to.bytes.begin(), to.bytes.end(), out.begin() + 24);
    return out;
  }
  Bytes out(kIpv4HeaderSize + size);
  out[0] = 0x45;
  store_be(out.data() + 2, static_cast<std::uint16_t>(out.size()));
  out[8] = kHopLimit;
  out[9] = protocol;
  std::copy(from.raw().begin(), from.raw().end(), out.begin() + 12);
  std::copy(to.raw().begin(), to.raw().end(), out.begin() + 16);
  store_be(out.data() + 10, checksum(ByteView(out).first(kIpv4HeaderSize)));
  return out;
}

void set_transport_checksum(Bytes& packet, const IpAddress& from, const IpAddress& to,
                            std::uint8_t protocol, std::size_t offset) {
  const auto transport =
      MutableByteView(packet).subspan(from.is_v4() ? kIpv4HeaderSize : kIpv6HeaderSize);
  store_be(transport.data() + offset, transport_checksum(from, to, protocol, transport));
}

// False for packets that no ICMPv6 error may answer (RFC 4443 §2.4(e)).
bool may_answer(const PacketView& refused) {
  if (refused.version != 6 || refused.later_fragment || refused.source.is_unspecified() ||
      is_multicast(refused.source) || is_multicast(refused.destination)) {
    return false;
  }
  return refused.protocol != kIcmpV6 ||
         (!refused.transport.empty() && refused.transport[0] >= kIcmpV6FirstInformational);
}

}  // namespace

namespace {

std::optional<Bytes> icmpv6_error(const PacketView& refused, const IpAddress& source,
                                  std::uint8_t type, std::uint8_t code, std::uint32_t field) {
  if (!may_answer(refused) || source.is_v4()) return std::nullopt;
  const auto quoted = refused.packet.first(
      std::min(refused.packet.size(), kIpv6MinimumMtu - kIpv6HeaderSize - kIcmpHeaderSize));
  auto out = ip_packet(source, refused.source, kIcmpV6, kIcmpHeaderSize + quoted.size());
  auto* icmp = out.data() + kIpv6HeaderSize;
  icmp[0] = type;
  icmp[1] = code;
  store_be(icmp + 4, field);
  std::copy(quoted.begin(), quoted.end(), icmp + kIcmpHeaderSize);
  set_transport_checksum(out, source, refused.source, kIcmpV6, 2);
  return out;
}

}  // namespace

std::optional<Bytes> icmpv6_prohibited(const PacketView& refused, const IpAddress& source) {
  return icmpv6_error(refused, source, kDestinationUnreachable, kProhibited, 0);
}

std::optional<Bytes> icmpv6_too_big(const PacketView& refused, const IpAddress& source,
                                    std::size_t mtu) {
  return icmpv6_error(refused, source, kPacketTooBig, 0, static_cast<std::uint32_t>(mtu));
}

std::optional<Bytes> tcp_reset(const PacketView& refused) {
  const auto flags = refused.tcp_flags();
  if (!flags || (*flags & kRst) != 0 || is_multicast(refused.destination)) return std::nullopt;
  const Endpoint from{refused.destination, *refused.destination_port()};
  const Endpoint to{refused.source, *refused.source_port()};
  TcpFields reset{.flags = kRst, .window = 0};
  const std::uint8_t* segment = refused.transport.data();
  if ((*flags & kAck) != 0) {
    reset.sequence = load_be<std::uint32_t>(segment + 8);
  } else {
    const std::uint32_t length = static_cast<std::uint32_t>(refused.payload().size()) +
                                 ((*flags & kSyn) != 0 ? 1U : 0U) +
                                 ((*flags & kFin) != 0 ? 1U : 0U);
    reset.flags = kRst | kAck;
    reset.acknowledgement = load_be<std::uint32_t>(segment + 4) + length;
  }
  return tcp_packet(from, to, reset, {});
}

Bytes tcp_packet(const Endpoint& from, const Endpoint& to, const TcpFields& fields,
                 ByteView payload) {
  auto out = ip_packet(from.address, to.address, kTcp, kTcpHeaderSize + payload.size());
  auto* tcp = out.data() + out.size() - kTcpHeaderSize - payload.size();
  store_be(tcp, from.port);
  store_be(tcp + 2, to.port);
  store_be(tcp + 4, fields.sequence);
  store_be(tcp + 8, fields.acknowledgement);
  tcp[12] = (kTcpHeaderSize / 4) << 4U;
  tcp[13] = fields.flags;
  store_be(tcp + 14, fields.window);
  std::copy(payload.begin(), payload.end(), tcp + kTcpHeaderSize);
  set_transport_checksum(out, from.address, to.address, kTcp, 16);
  return out;
}

}  // namespace culvert::ip
