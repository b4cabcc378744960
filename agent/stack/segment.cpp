#include "agent/stack/segment.hpp"

#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"

namespace culvert::stack {
namespace {

constexpr std::size_t kChecksumOffset = 16;  // offset in the TCP header

// True when the TCP options are well-formed (RFC 9293 §3.1): kind 0 ends the list, 1 pads, any
// other kind is followed by its whole length.
bool options_whole(ByteView options) {
  while (!options.empty() && options[0] != 0) {
    const std::size_t size = options[0] == 1 ? 1 : options.size() > 1 ? options[1] : 0;
    if (size == 0 || size > options.size() || (size == 1 && options[0] != 1)) return false;
    options = options.subspan(size);
  }
  return true;
}

}  // namespace

bool is_plain(ByteView packet) {
  if (packet.size() < ip::kIpv6HeaderSize + ip::kTcpHeaderSize || packet.size() > 0xFFFF) {
    return false;
  }
  const auto payload = load_be<std::uint16_t>(packet.data() + 4);
  const auto tcp = packet.subspan(ip::kIpv6HeaderSize);
  const std::size_t header = (tcp[12] >> 4U) * 4U;
  return (packet[0] >> 4U) == 6 && packet[6] == ip::kTcp && payload == tcp.size() &&
         header >= ip::kTcpHeaderSize && header <= tcp.size() &&
         options_whole(tcp.subspan(ip::kTcpHeaderSize, header - ip::kTcpHeaderSize));
}

void add_checksum(MutableByteView packet) {
  const auto tcp = packet.subspan(ip::kIpv6HeaderSize);
  const auto addresses = ip::Addresses::parse(packet);
  store_be(tcp.data() + kChecksumOffset,
           ip::transport_checksum(addresses->source, addresses->destination, ip::kTcp, tcp));
}

}  // namespace culvert::stack
