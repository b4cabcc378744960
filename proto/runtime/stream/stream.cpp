#include "proto/runtime/stream/stream.hpp"

#include "proto/runtime/loop/timer.hpp"

namespace culvert::runtime {
namespace {

struct Linger {
  Linger(Loop& loop, std::unique_ptr<ByteStream> s)
      : stream(std::move(s)), timer(loop, [this, &loop] { loop.release(this); }) {}
  std::unique_ptr<ByteStream> stream;
  Timer timer;
};

}  // namespace

void linger(Loop& loop, std::unique_ptr<ByteStream> stream, Duration limit) {
  auto kept = std::make_shared<Linger>(loop, std::move(stream));
  auto* raw = kept.get();
  loop.keep(std::move(kept));
  raw->timer.arm_in(limit);
  StreamEvents events;  // not `end`: the peer may have half-closed long before the last bytes go
  events.closed = [&loop, raw](const Closing&) { loop.release(raw); };
  raw->stream->start(std::move(events));
  raw->stream->finish();
  raw->stream->resume();
}

}  // namespace culvert::runtime
