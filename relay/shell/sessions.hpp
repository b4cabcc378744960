// Moves bytes between upgraded streams and the relay's Core, and calls the Core's timeouts.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>

#include "proto/runtime/loop/loop.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/stream.hpp"
#include "relay/core/core.hpp"

namespace culvert::relay {

class Sessions {
 public:
  Sessions(runtime::Loop& loop, Core& core);  // both outlive the Sessions

  void add(std::unique_ptr<runtime::ByteStream> stream);
  void settle();  // to be called after every call of a Core function, also by other code
  std::size_t count() const { return streams_.size(); }
  void on_empty(std::function<void()> call) { on_empty_ = std::move(call); }

 private:
  // A stream and its low water mark. Frames are pulled when the stream has fallen to the mark, up
  // to twice the mark. The mark is small, so that frames wait in the core's queues: there disco
  // overtakes data, and CoDel sees the length of the queues.
  struct Held {
    std::unique_ptr<runtime::ByteStream> stream;
    std::size_t low_water = runtime::kLowWater;
  };

  void flush(ConnectionId id);
  void end(Close close);
  void arm();

  runtime::Loop& loop_;
  Core& core_;
  ConnectionId next_id_ = 1;
  std::unordered_map<ConnectionId, Held> streams_;
  // Streams that the core has closed and that still send their last frames. Each is kept for
  // kLingerTime; the oldest is first.
  std::deque<std::pair<Instant, std::unique_ptr<runtime::ByteStream>>> lingering_;
  Effects effects_;
  Bytes buffer_;
  Instant armed_ = Instant::never();
  runtime::Timer timer_;
  std::function<void()> on_empty_;
};

}  // namespace culvert::relay
