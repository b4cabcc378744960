#include "proto/wireguard/output.hpp"

#include <algorithm>

namespace culvert::wireguard {

void Output::clear() {
  packets.clear();
  datagrams.clear();
  if (chunks_.size() > kKeptChunks) chunks_.resize(kKeptChunks);
  chunk_ = 0;
  used_ = 0;
}

MutableByteView Output::allocate(std::size_t size) {
  static_assert(kChunkSize >= 65'536);  // the largest datagram
  if (!chunks_.empty() && used_ + size > kChunkSize) {
    ++chunk_;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    chunks_.push_back(std::make_unique_for_overwrite<std::uint8_t[]>(kChunkSize));
  }
  auto* at = chunks_[chunk_].get() + used_;
  used_ += size;
  return {at, size};
}

}  // namespace culvert::wireguard
