// Moves bytes between upgraded streams and the core, and time into it.
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
  Sessions(runtime::Loop& loop, Core& core);  // both outlive it

  void add(std::unique_ptr<runtime::ByteStream> stream);
  void settle();  // after every call into the core, also by others
  std::size_t count() const { return streams_.size(); }
  void on_empty(std::function<void()> call) { on_empty_ = std::move(call); }

 private:
  // What a stream holds and its low water: it is pulled for again from there, up to twice as much.
  // Little, so that disco overtakes data in the core's queues and CoDel knows how long they are.
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
  // Closed by the core, with last words under way; each lives kLingerTime longer, in this order.
  std::deque<std::pair<Instant, std::unique_ptr<runtime::ByteStream>>> lingering_;
  Effects effects_;
  Bytes buffer_;
  Instant armed_ = Instant::never();
  runtime::Timer timer_;
  std::function<void()> on_empty_;
};

}  // namespace culvert::relay
