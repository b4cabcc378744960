#include "proto/core/arena.hpp"

#include "proto/core/check.hpp"

namespace culvert {

MutableByteView Arena::allocate(std::size_t size) {
  CULVERT_CHECK(size <= kChunkSize);
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

MutableByteView Arena::copy(ByteView bytes) {
  const auto out = allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

void Arena::clear() {
  if (chunks_.size() > kKeptChunks) chunks_.resize(kKeptChunks);
  chunk_ = 0;
  used_ = 0;
}

}  // namespace culvert
