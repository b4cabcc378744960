// Inner packets from hostile peers: the packet view, and the answers made from it.
#include <cstdlib>

#include "proto/ip/build.hpp"
#include "proto/ip/checksum.hpp"
#include "proto/ip/packet.hpp"
#include "proto/ip/path_mtu.hpp"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto clamped = ip::clamp_mss({data, size}, 1232); clamped) {
    if (clamped->size() > size || ip::clamp_mss(*clamped, 1232)) std::abort();
  }
  static_cast<void>(ip::parse_too_big({data, size}));
  const auto packet = ip::PacketView::parse({data, size});
  if (!packet) return 0;
  if (packet->packet.size() > size || packet->transport.size() > packet->packet.size())
    std::abort();
  if (packet->payload().size() > packet->transport.size()) std::abort();
  ip::transport_checksum(packet->source, packet->destination, packet->protocol, packet->transport);
  for (const auto& answer :
       {ip::tcp_reset(*packet), ip::icmpv6_prohibited(*packet, *parse_address("fd00::1"))}) {
    if (answer && !ip::PacketView::parse(*answer)) std::abort();
  }
  return 0;
}
