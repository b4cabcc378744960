// Whole DERP frames waiting for a slow transport, back to back in one buffer: no allocation a frame
// once it has grown, nothing kept while it is empty.
#pragma once

#include <initializer_list>
#include <vector>

#include "proto/core/codel.hpp"
#include "proto/derp/frame.hpp"

namespace culvert::derp {

class FrameQueue {
 public:
  void push(FrameType type, std::initializer_list<ByteView> parts);
  void push(ByteView frames, std::size_t count);  // already framed
  void drop_oldest();                             // not when empty (checked)
  // Moves frames to `out` while it holds less than `room` bytes; returns how many bytes.
  std::size_t pull(std::size_t room, Bytes& out);

  std::size_t count() const { return count_; }
  std::size_t bytes() const { return frames_.size() - head_; }
  std::size_t front_size() const { return size_at(head_); }  // not when empty (checked)
  bool empty() const { return count_ == 0; }

 private:
  std::size_t size_at(std::size_t offset) const;
  void advance(std::size_t to);

  Bytes frames_;
  std::size_t head_ = 0;  // where the oldest frame begins
  std::size_t count_ = 0;
};

// Frames of packets, which nobody waits for. Short packets (SYN, ACK, DNS, a key pressed) go before
// long ones, up to the same bytes; CoDel thins the long ones where they do not get fewer by
// themselves; beyond so many bytes the oldest go.
class PacketQueue {
 public:
  static constexpr std::size_t kShort = 256;  // bytes of a frame

  // Returns how many were dropped to make room. One packet always fits.
  std::size_t push(Instant now, std::size_t limit, FrameType type,
                   std::initializer_list<ByteView> parts);
  struct Pulled {
    std::size_t bytes = 0;
    std::size_t dropped = 0;  // packets
  };
  Pulled pull(Instant now, std::size_t room, Bytes& out);

  std::size_t count() const { return short_.count() + long_.count(); }
  std::size_t bytes() const { return short_.bytes() + long_.bytes(); }
  bool empty() const { return short_.empty() && long_.empty(); }

 private:
  struct Arrivals {
    Instant since;
    std::size_t count = 0;
  };
  void left();  // one long frame from the front

  static constexpr std::size_t kCredit = 4096;
  FrameQueue short_, long_;
  std::size_t credit_ = kCredit;    // bytes that short ones may still have
  std::vector<Arrivals> arrivals_;  // of long ones by millisecond, oldest first, from head_ on
  std::size_t head_ = 0;
  Codel codel_;
};

}  // namespace culvert::derp
