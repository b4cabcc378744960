// A packet with free memory before and behind it, so that the receiver can add a header and a tag
// without a copy.
#pragma once

#include "proto/core/bytes.hpp"

namespace culvert {

struct RoomyPacket {
  MutableByteView memory;  // room ‖ packet ‖ room; the receiver may change all of it
  std::size_t before = 0;
  std::size_t size = 0;

  MutableByteView packet() const { return memory.subspan(before, size); }
  std::size_t behind() const { return memory.size() - before - size; }
};

}  // namespace culvert
