#include "relay/core/frame_queue.hpp"

namespace culvert::relay {
namespace {
constexpr std::size_t kKeptCapacity = 4 * 1024;
}

std::size_t FrameQueue::size_at(std::size_t offset) const {
  return derp::kHeaderSize + load_be<std::uint32_t>(frames_.data() + offset + 1);
}

void FrameQueue::push(derp::FrameType type, std::initializer_list<ByteView> parts) {
  derp::write_frame(frames_, type, parts);
  ++count_;
}

void FrameQueue::push(ByteView frames, std::size_t count) {
  append(frames_, frames);
  count_ += count;
}

void FrameQueue::drop_oldest() {
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

// Moves the front to `to`; the space before it is reclaimed when it is the larger half.
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

}  // namespace culvert::relay
