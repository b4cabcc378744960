#include "proto/ip/path_mtu.hpp"

#include <algorithm>

#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"

namespace culvert::ip {
namespace {

constexpr std::uint8_t kEndOfOptions = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kMaximumSegmentSize = 2;  // 2 ‖ 4 ‖ size (2)
constexpr std::size_t kChecksum = 16;            // offset in the TCP header
constexpr std::uint8_t kPacketTooBig = 2;

// The offset of the maximum segment size in the TCP header; 0: the option is missing.
std::size_t find_mss(ByteView tcp) {
  const std::size_t end = std::min<std::size_t>((tcp[12] >> 4U) * 4U, tcp.size());
  std::size_t at = kTcpHeaderSize;
  while (at + 4 <= end && tcp[at] != kEndOfOptions) {
    if (tcp[at] == kMaximumSegmentSize) return tcp[at + 1] == 4 ? at + 2 : 0;
    const std::size_t size = tcp[at] == kNoOperation ? 1 : tcp[at + 1];
    if (size == 0) return 0;
    at += size;
  }
  return 0;
}

}  // namespace

std::optional<Bytes> clamp_mss(ByteView packet, std::size_t mtu) {
  const auto view = PacketView::parse(packet);
  const auto flags = view ? view->tcp_flags() : std::nullopt;
  if (!flags || (*flags & kSyn) == 0) return std::nullopt;
  const auto headers = (view->version == 6 ? kIpv6HeaderSize : kIpv4HeaderSize) + kTcpHeaderSize;
  const auto at = find_mss(view->transport);
  if (at == 0 || mtu <= headers) return std::nullopt;
  const auto most = static_cast<std::uint16_t>(mtu - headers);
  if (load_be<std::uint16_t>(view->transport.data() + at) <= most) return std::nullopt;
  auto out = to_bytes(view->packet);
  const auto tcp = MutableByteView(out).last(view->transport.size());
  store_be(tcp.data() + at, most);
  store_be(tcp.data() + kChecksum, std::uint16_t{0});
  store_be(tcp.data() + kChecksum, transport_checksum(view->source, view->destination, kTcp, tcp));
  return out;
}

std::optional<TooBig> parse_too_big(ByteView packet) {
  const auto outer = PacketView::parse(packet);
  if (!outer || outer->version != 6 || outer->protocol != kIcmpV6) return std::nullopt;
  TooBig out;
  Reader reader(outer->transport);
  const auto type = reader.be<std::uint8_t>();
  reader.take(3);
  out.mtu = reader.be<std::uint32_t>();
  const auto quoted = reader.take(kIpv6HeaderSize);
  if (type != kPacketTooBig || quoted.empty() || quoted[0] >> 4U != 6 || quoted[6] != kTcp) {
    return std::nullopt;
  }
  std::copy_n(quoted.begin() + 8, 16, out.from.address.bytes.begin());
  std::copy_n(quoted.begin() + 24, 16, out.to.address.bytes.begin());
  out.from.port = reader.be<std::uint16_t>();
  out.to.port = reader.be<std::uint16_t>();
  if (!reader.ok()) return std::nullopt;
  return out;
}

}  // namespace culvert::ip
