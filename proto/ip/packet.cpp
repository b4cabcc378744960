#include "proto/ip/packet.hpp"

namespace culvert::ip {
namespace {

// IPv6 extension headers (RFC 8200 §4 and the IANA registry). Any other number is taken for the
// transport protocol.
enum ExtensionHeader : std::uint8_t {
  kHopByHop = 0,
  kRouting = 43,
  kFragment = 44,
  kAuthentication = 51,
  kDestinationOptions = 60,
  kMobility = 135,
};

IpAddress address4(const std::uint8_t* raw) {
  return IpAddress::v4(raw[0], raw[1], raw[2], raw[3]);
}
IpAddress address6(const std::uint8_t* raw) {
  IpAddress out;
  std::memcpy(out.bytes.data(), raw, out.bytes.size());
  return out;
}

std::optional<Addresses> parse4(ByteView packet) {
  if (packet.size() < kIpv4HeaderSize) return std::nullopt;
  const std::size_t header = (packet[0] & 15U) * 4U;
  const std::size_t total = load_be<std::uint16_t>(packet.data() + 2);
  if (header < kIpv4HeaderSize || total < header || total > packet.size()) return std::nullopt;
  return Addresses{address4(packet.data() + 12), address4(packet.data() + 16), total};
}

std::optional<Addresses> parse6(ByteView packet) {
  if (packet.size() < kIpv6HeaderSize) return std::nullopt;
  const std::size_t total = kIpv6HeaderSize + load_be<std::uint16_t>(packet.data() + 4);
  if (total > packet.size()) return std::nullopt;
  const Addresses out{address6(packet.data() + 8), address6(packet.data() + 24), total};
  if (out.source.is_v4() || out.destination.is_v4()) return std::nullopt;
  return out;
}

// Walks from the fixed header to the transport header. False when a header is cut short or there
// are more than kMaxExtensionHeaders: the packet is refused, since a filter must not guess ports.
bool walk_extensions(PacketView& out) {
  std::uint8_t next = out.packet[6];
  ByteView rest = out.packet.subspan(kIpv6HeaderSize);
  for (int seen = 0;; ++seen) {
    std::size_t size = 0;
    switch (next) {
      case kHopByHop:
      case kRouting:
      case kDestinationOptions:
      case kMobility:
        size = rest.size() >= 8 ? (rest[1] + 1U) * 8U : 0;
        break;
      case kFragment:
        size = rest.size() >= 8 ? 8 : 0;
        break;
      case kAuthentication:
        size = rest.size() >= 8 ? (rest[1] + 2U) * 4U : 0;
        break;
      default:
        out.protocol = next;
        out.transport = rest;
        return true;
    }
    if (size == 0 || size > rest.size() || seen == kMaxExtensionHeaders) return false;
    const bool later =
        next == kFragment && (load_be<std::uint16_t>(rest.data() + 2) & 0xFFF8U) != 0;
    next = rest[0];
    rest = rest.subspan(size);
    if (later) {
      out.later_fragment = true;
      out.protocol = next;
      return true;
    }
  }
}

}  // namespace

std::optional<Addresses> Addresses::parse(ByteView packet) {
  if (packet.empty()) return std::nullopt;
  const unsigned version = packet[0] >> 4U;
  if (version == 4) return parse4(packet);
  if (version == 6) return parse6(packet);
  return std::nullopt;
}

std::optional<PacketView> PacketView::parse(ByteView packet) {
  const auto addresses = Addresses::parse(packet);
  if (!addresses) return std::nullopt;
  PacketView out;
  out.version = static_cast<std::uint8_t>(packet[0] >> 4U);
  out.source = addresses->source;
  out.destination = addresses->destination;
  out.packet = packet.first(addresses->total_length);
  if (out.version == 6) {
    if (!walk_extensions(out)) return std::nullopt;
    return out;
  }
  out.protocol = packet[9];
  out.later_fragment = (load_be<std::uint16_t>(packet.data() + 6) & 0x1FFFU) != 0;
  if (!out.later_fragment) out.transport = out.packet.subspan((packet[0] & 15U) * 4U);
  return out;
}

namespace {

bool has_ports(const PacketView& packet) {
  return (packet.protocol == kTcp && packet.transport.size() >= kTcpHeaderSize) ||
         (packet.protocol == kUdp && packet.transport.size() >= kUdpHeaderSize);
}

}  // namespace

std::optional<std::uint16_t> PacketView::source_port() const {
  if (!has_ports(*this)) return std::nullopt;
  return load_be<std::uint16_t>(transport.data());
}

std::optional<std::uint16_t> PacketView::destination_port() const {
  if (!has_ports(*this)) return std::nullopt;
  return load_be<std::uint16_t>(transport.data() + 2);
}

std::optional<std::uint8_t> PacketView::tcp_flags() const {
  if (protocol != kTcp || !has_ports(*this)) return std::nullopt;
  return transport[13];
}

ByteView PacketView::payload() const {
  if (!has_ports(*this)) return {};
  const std::size_t header = protocol == kUdp ? kUdpHeaderSize : (transport[12] >> 4U) * 4U;
  return header <= transport.size() ? transport.subspan(header) : ByteView{};
}

}  // namespace culvert::ip
