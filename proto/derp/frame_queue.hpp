// Whole DERP frames that wait for a slow transport, back to back in one buffer. Once the buffer has
// grown, a frame needs no allocation; an empty queue keeps at most 4 KiB.
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
  // Moves frames to `out` while `out` has less than `room` bytes; returns the bytes moved.
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

// Frames of IP packets, which may be dropped:
//   - short frames (SYN, ACK, DNS, a key press) go before long ones, until they have used as many
//     bytes as the long ones (and kCredit);
//   - CoDel thins the long frames when they wait too long;
//   - beyond the caller's limit of bytes the oldest are dropped, long ones first.
class PacketQueue {
 public:
  static constexpr std::size_t kShort = 256;  // a frame of fewer bytes is short

  // Returns how many packets were dropped to make room. One packet always fits.
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
  void left();  // one long frame has left the front of the queue

  static constexpr std::size_t kCredit = 4096;
  FrameQueue short_, long_;
  std::size_t credit_ = kCredit;    // bytes of short frames that may still go before a long one
  std::vector<Arrivals> arrivals_;  // long frames by millisecond, oldest first, from head_ on
  std::size_t head_ = 0;
  Codel codel_;
};

}  // namespace culvert::derp
