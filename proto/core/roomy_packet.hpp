// An IP packet with free memory before and behind it, so that a tunnel can add its header and tag
// without a copy. TUN devices and TCP stacks make RoomyPackets; the core passes them on to the
// WireGuard device, which seals a packet in its own memory where there is the room.
#pragma once

#include "proto/core/bytes.hpp"

namespace culvert {

inline constexpr std::size_t kRoomBefore = 16;  // bytes for a tunnel's header
inline constexpr std::size_t kRoomBehind = 32;  // bytes for a tunnel's padding and tag

struct RoomyPacket {
  MutableByteView memory;  // room ‖ packet ‖ room; the receiver may change all of it
  std::size_t before = 0;
  std::size_t size = 0;

  MutableByteView packet() const { return memory.subspan(before, size); }
  std::size_t behind() const { return memory.size() - before - size; }
};

}  // namespace culvert
