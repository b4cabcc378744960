#include "proto/derp/frame_queue.hpp"

#include <algorithm>

#include "proto/core/check.hpp"

namespace culvert::derp {
namespace {
constexpr std::size_t kKeptCapacity = 4 * 1024;
// About two packets: a queue this short needs no thinning.
constexpr std::size_t kFewBytes = 3000;
}  // namespace

std::size_t FrameQueue::size_at(std::size_t offset) const {
  CULVERT_CHECK(offset + kHeaderSize <= frames_.size());
  return kHeaderSize + load_be<std::uint32_t>(frames_.data() + offset + 1);
}

void FrameQueue::push(FrameType type, std::initializer_list<ByteView> parts) {
  write_frame(frames_, type, parts);
  ++count_;
}

void FrameQueue::push(ByteView frames, std::size_t count) {
  append(frames_, frames);
  count_ += count;
}

void FrameQueue::drop_oldest() {
  CULVERT_CHECK(count_ > 0);
  --count_;
  advance(head_ + size_at(head_));
}

std::size_t FrameQueue::pull(std::size_t room, Bytes& out) {
  std::size_t end = head_;
  while (end < frames_.size() && out.size() + (end - head_) < room) {
    end += size_at(end);
    --count_;
  }
  const auto moved = end - head_;
  append(out, ByteView(frames_).subspan(head_, moved));
  advance(end);
  return moved;
}

// Moves the front of the queue to the offset `to`. The space before the front is reclaimed when it
// is more than half of the buffer.
void FrameQueue::advance(std::size_t to) {
  head_ = to;
  if (head_ == frames_.size()) {
    frames_.clear();
    head_ = 0;
    if (frames_.capacity() > kKeptCapacity) frames_.shrink_to_fit();
  } else if (head_ > frames_.size() / 2) {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

std::size_t PacketQueue::push(Instant now, std::size_t limit, FrameType type,
                              std::initializer_list<ByteView> parts) {
  std::size_t size = kHeaderSize;
  for (const ByteView part : parts) size += part.size();
  std::size_t dropped = 0;
  for (; !empty() && bytes() + size > limit; ++dropped) {
    if (long_.empty()) {
      short_.drop_oldest();
    } else {
      long_.drop_oldest();
      left();
    }
  }
  if (size < kShort) {
    short_.push(type, parts);
    return dropped;
  }
  if (arrivals_.empty() || now - arrivals_.back().since >= 1ms) arrivals_.push_back({now, 0});
  ++arrivals_.back().count;
  long_.push(type, parts);
  return dropped;
}

PacketQueue::Pulled PacketQueue::pull(Instant now, std::size_t room, Bytes& out) {
  Pulled pulled;
  while (!empty() && out.size() < room) {
    if (!short_.empty() && (credit_ > 0 || long_.empty())) {
      const std::size_t size = short_.pull(out.size() + 1, out);
      credit_ -= std::min(credit_, size);
      pulled.bytes += size;
      continue;
    }
    const std::size_t size = long_.front_size();
    if (codel_.drop(now, now - arrivals_[head_].since, long_.bytes() - size < kFewBytes)) {
      long_.drop_oldest();
      ++pulled.dropped;
    } else {
      pulled.bytes += long_.pull(out.size() + 1, out);
      credit_ = std::min(credit_ + size, kCredit);
    }
    left();
  }
  return pulled;
}

void PacketQueue::left() {
  if (--arrivals_[head_].count > 0) return;
  if (++head_ == arrivals_.size()) {
    arrivals_.clear();
    head_ = 0;
  } else if (head_ > arrivals_.size() / 2) {
    arrivals_.erase(arrivals_.begin(), arrivals_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

}  // namespace culvert::derp
