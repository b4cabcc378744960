// Whole DERP frames waiting for a slow transport, back to back in one buffer: no allocation a frame
// once it has grown, nothing kept while it is empty.
#pragma once

#include <initializer_list>

#include "proto/derp/frame.hpp"

namespace culvert::relay {

class FrameQueue {
 public:
  void push(derp::FrameType type, std::initializer_list<ByteView> parts);
  void push(ByteView frames, std::size_t count);  // already framed
  void drop_oldest();                             // not when empty
  // Moves frames to `out` while it holds less than `room` bytes; returns how many bytes.
  std::size_t pull(std::size_t room, Bytes& out);

  std::size_t count() const { return count_; }
  std::size_t bytes() const { return frames_.size() - head_; }
  bool empty() const { return count_ == 0; }

 private:
  std::size_t size_at(std::size_t offset) const;
  void advance(std::size_t to);

  Bytes frames_;
  std::size_t head_ = 0;  // where the oldest frame begins
  std::size_t count_ = 0;
};

}  // namespace culvert::relay
