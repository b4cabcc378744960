// ByteStream: duplex, ordered bytes. TCP, TLS over any ByteStream, a WebSocket, an upgraded HTTP
// connection and an lwIP connection all are one.
//
// Rules that every implementation keeps:
//   - No event is delivered from inside a call to the stream; events come from the loop.
//   - Every call, close() and destruction are safe inside the stream's own events.
//   - `closed` is the last event and comes once; after close() or destruction none comes.
//   - Events may hold (shared) pointers to the stream's owner: close() and `closed` drop them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/core/time.hpp"

namespace culvert::runtime {

class Loop;

inline constexpr std::size_t kMaxUnsent = 4U << 20U;    // with more, it is closed: kExhausted
inline constexpr std::size_t kHighWater = 256U << 10U;  // a writer should stop above this mark
inline constexpr std::size_t kLowWater = 64U << 10U;    // low water mark: `drained` comes here
inline constexpr std::size_t kLittle = 32U << 10U;      // low water mark after hold_little()
// Bytes that a peer without a proven identity may make this side hold, in each buffer of a stream.
inline constexpr std::size_t kMaxForStranger = 64U << 10U;
inline constexpr Duration kLingerTime = 2s;

// Why a stream is closed. Nothing: cleanly, after both sides have finished.
using Closing = std::optional<Error>;
// For an owner to whom a clean end comes too early: the error, or `otherwise`.
inline Error error_of(const Closing& why, const char* otherwise) {
  return why.value_or(Error{ErrorCode::kUnavailable, otherwise});
}

struct StreamEvents {
  std::function<void(ByteView)> data;  // valid during the call only
  std::function<void()> end;           // the peer has half-closed: no more data
  std::function<void()> drained;       // unsent() has fallen to the low water mark
  std::function<void(const Closing&)> closed;
};

class ByteStream {
 public:
  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  virtual ~ByteStream() = default;  // implementations close() here

  virtual void start(StreamEvents events) = 0;  // once; nothing is read before start()
  virtual void write(ByteView bytes) = 0;       // copies; also before start(); ignored when closed
  virtual std::size_t unsent() const = 0;       // bytes taken by write() and not yet passed on
  virtual void finish() = 0;                    // half-closes after all written bytes
  virtual void close() = 0;                     // closes now; unsent bytes are lost
  virtual void pause() = 0;                     // no `data` nor `end` until resume()
  virtual void resume() = 0;
  // For a writer that orders its own queue by priority: bytes that wait in this stream and in the
  // system below can no longer be reordered, so the stream keeps them few. Returns the low water
  // mark from now on: kLittle, or kLowWater where the stream cannot hold less.
  virtual std::size_t hold_little() { return kLowWater; }
  // An accepted stream that went through a WaitingRoom is limited: it holds kMaxForStranger bytes
  // and may lose its place. lift_limits() ends that, when the peer has proven its identity. Both
  // calls pass through every stream below.
  virtual bool limited() const { return false; }
  virtual void lift_limits() {}
};

// An implementation calls its events through an EventPort: the closures stay alive while one of
// them runs, even if that one closes or destroys the stream. (The implementation itself must keep
// its own state alive: hold a shared_ptr to the state during the call.)
class EventPort {
 public:
  void set(StreamEvents events) { events_ = std::make_shared<StreamEvents>(std::move(events)); }
  void clear() { events_.reset(); }
  bool is_set() const { return events_ != nullptr; }

  void data(ByteView bytes) const {
    if (const auto held = events_; held && held->data) held->data(bytes);
  }
  void end() const {
    if (const auto held = events_; held && held->end) held->end();
  }
  void drained() const {
    if (const auto held = events_; held && held->drained) held->drained();
  }
  void closed(const Closing& why) {  // the last event
    if (const auto held = std::move(events_); held && held->closed) held->closed(why);
  }

 private:
  std::shared_ptr<StreamEvents> events_;
};

// For a last answer or alert: sends all written bytes, half-closes, discards received bytes, and
// closes when both sides have finished or after `limit`, which bounds the sending too. The loop
// owns the stream meanwhile. The stream is not start()ed yet, or is a ReplayStream.
void linger(Loop& loop, std::unique_ptr<ByteStream> stream, Duration limit = kLingerTime);

}  // namespace culvert::runtime
