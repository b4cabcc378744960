// Super-packets of a TUN device, and packets to join for it: no crash; joined packets split into
// the same packets again.
#include <algorithm>
#include <cstdlib>

#include "proto/ip/offload.hpp"

using namespace culvert;
using namespace culvert::ip;

namespace {

void require(bool held) {
  if (!held) std::abort();
}

void check_split(ByteView input) {
  Bytes bytes = to_bytes(input);
  if (bytes.size() < kVirtioHeaderSize) return;
  Splitter splitter;
  std::vector<RoomyPacket> parts;
  const auto header = VirtioHeader::read(bytes.data());
  splitter.split(header, {bytes, kVirtioHeaderSize, bytes.size() - kVirtioHeaderSize}, parts);
  require(parts.size() <= bytes.size());
}

// The packet without fields that may differ with the same meaning: the id of an IPv4 packet that is
// never fragmented, and checksums of 0 and 0xFFFF.
Bytes bare(ByteView packet) {
  Bytes out = to_bytes(packet);
  const auto clear = [&out](std::size_t at) {
    if (at + 2 <= out.size()) out[at] = out[at + 1] = 0;
  };
  if (out.size() < 20) return out;
  const bool four = out[0] >> 4U == 4;
  const std::size_t ip = four ? static_cast<std::size_t>(out[0] & 0x0FU) * 4 : 40;
  const auto protocol = out[four ? 9 : 6];
  if (four) {
    clear(4);
    clear(10);
  }
  if (protocol == 6) clear(ip + 16);
  if (protocol == 17) clear(ip + 6);
  return out;
}

// The input has two bytes of length before each packet.
void check_join(ByteView input) {
  std::vector<ByteView> packets;
  while (input.size() > 2) {
    const auto size = std::min<std::size_t>(load_be<std::uint16_t>(input.data()), input.size() - 2);
    packets.push_back(input.subspan(2, size));
    input = input.subspan(2 + size);
  }
  Coalescer joiner;
  std::size_t back = 0;
  for (const auto& joined : joiner.join(packets, {})) {
    Bytes bytes(joined.head.begin(), joined.head.begin() + static_cast<long>(joined.head_size));
    for (const ByteView piece : joiner.pieces(joined)) append(bytes, piece);
    require(bytes.size() == joined.size && joined.size <= kMaxSuperPacket);
    Splitter splitter;
    std::vector<RoomyPacket> parts;
    require(
        splitter.split(VirtioHeader::read(joined.virtio.data()), {bytes, 0, bytes.size()}, parts));
    require(parts.size() == joined.pieces);
    for (const RoomyPacket& part : parts) {
      require(std::any_of(packets.begin(), packets.end(),
                          [&](ByteView packet) { return bare(packet) == bare(part.packet()); }));
    }
    back += parts.size();
  }
  require(back == packets.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_split({data, size});
  check_join({data, size});
  return 0;
}
