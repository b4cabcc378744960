// Internal to proto/runtime: waits for the head of an HTTP message on a stream.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/http.hpp"
#include "proto/runtime/stream/replay_stream.hpp"

namespace culvert::runtime {

// Reads one head from a stream, then hands the stream over with the bytes after the head.
template <class Head>
struct HeadReader : std::enable_shared_from_this<HeadReader<Head>> {
  using Done = std::function<void(Result<Head>)>;
  HeadReader(Loop& l, std::unique_ptr<ByteStream> s, Done d, Duration within = kHeadTimeout)
      : loop(l),
        stream(std::make_unique<ReplayStream>(l, std::move(s))),
        done(std::move(d)),
        limit(within),
        timer(l, [this] { finish(fail(ErrorCode::kTimeout, "HTTP: no head in time"), {}); }) {}

  Loop& loop;
  std::unique_ptr<ReplayStream> stream;
  Done done;  // empty: answered or cancelled
  Duration limit;
  Timer timer;
  http::HeadParser<Head> parser;
  Bytes buffer;

  void begin() {
    timer.arm_in(limit);
    const auto weak = this->weak_from_this();
    StreamEvents events;
    events.data = [weak](ByteView bytes) {
      if (const auto self = weak.lock()) self->on_data(bytes);
    };
    events.end = [weak] {
      const auto self = weak.lock();
      if (self) self->finish(fail(ErrorCode::kUnavailable, "HTTP: ended within the head"), {});
    };
    events.closed = [weak](const Closing& why) {
      if (const auto self = weak.lock()) {
        self->finish(fail_with(error_of(why, "HTTP: closed within the head")), {});
      }
    };
    stream->start(std::move(events));
  }

  void on_data(ByteView bytes) {
    append(buffer, bytes);
    const auto size = parser.parse(buffer);
    if (!size) {
      finish(fail_with(size.error()), {});
    } else if (*size > 0) {
      finish(parser.take(), ByteView(buffer).subspan(*size));
    }
  }

  void finish(Result<Head> head, ByteView left) {
    if (!done) return;
    const auto held = this->shared_from_this();
    timer.cancel();
    stream->hand_over(left);
    std::exchange(done, nullptr)(std::move(head));
  }
};

}  // namespace culvert::runtime
