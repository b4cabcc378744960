// Memory for many pieces that are freed together. Once the arena has grown to the traffic, it
// allocates nothing more.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proto/core/bytes.hpp"

namespace culvert {

class Arena {
 public:
  static constexpr std::size_t kChunkSize = 256 * 1024;  // the largest piece

  MutableByteView allocate(std::size_t size);  // not zeroed; stays where it is until clear()
  MutableByteView copy(ByteView bytes);
  void clear();

 private:
  static constexpr std::size_t kKeptChunks = 16;  // clear() keeps so many and frees the rest

  std::vector<std::unique_ptr<std::uint8_t[]>> chunks_;
  std::size_t chunk_ = 0;  // index of the chunk in use
  std::size_t used_ = 0;   // bytes used of that chunk
};

}  // namespace culvert
