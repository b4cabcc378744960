#include "proto/runtime/stream/replay_stream.hpp"

#include <optional>

namespace culvert::runtime {

struct ReplayStream::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, std::unique_ptr<ByteStream> s) : loop(l), inner(std::move(s)) {}

  Loop& loop;
  std::unique_ptr<ByteStream> inner;
  EventPort events;
  Bytes unread;          // delivered first to the next owner
  bool started = false;  // the inner stream is started
  bool paused = false;
  bool ended = false;             // `end` has come; repeated for the next owner
  std::optional<Closing> closed;  // `closed` has come; repeated for the next owner
  bool replaying = false;         // a replay() is deferred

  void start_inner();
  void replay_later();
  void replay();
};

void ReplayStream::Impl::start_inner() {
  started = true;
  const auto weak = weak_from_this();
  StreamEvents out;
  out.data = [weak](ByteView bytes) {
    if (const auto self = weak.lock()) self->events.data(bytes);
  };
  out.end = [weak] {
    const auto self = weak.lock();
    if (!self) return;
    self->ended = true;
    self->events.end();
  };
  out.drained = [weak] {
    if (const auto self = weak.lock()) self->events.drained();
  };
  out.closed = [weak](const Closing& why) {
    const auto self = weak.lock();
    if (!self) return;
    self->closed.emplace(why);
    self->events.closed(why);
  };
  inner->start(std::move(out));
}

void ReplayStream::Impl::replay_later() {
  if (std::exchange(replaying, true)) return;
  loop.defer([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->replay();
  });
}

void ReplayStream::Impl::replay() {
  replaying = false;
  if (paused || !events.is_set()) return;
  if (!unread.empty()) {
    const Bytes bytes = std::exchange(unread, {});
    events.data(bytes);
  }
  if (paused || !events.is_set()) return;
  if (ended) events.end();
  if (closed) {
    events.closed(*closed);
  } else if (events.is_set()) {
    inner->resume();
  }
}

ReplayStream::ReplayStream(Loop& loop, std::unique_ptr<ByteStream> inner)
    : impl_(std::make_shared<Impl>(loop, std::move(inner))) {}
ReplayStream::~ReplayStream() { close(); }

void ReplayStream::hand_over(ByteView unread) {
  impl_->events.clear();
  impl_->inner->pause();
  impl_->paused = false;
  Bytes bytes = to_bytes(unread);  // a copy: the parameter may point into impl_->unread
  append(bytes, impl_->unread);
  impl_->unread = std::move(bytes);
}

void ReplayStream::start(StreamEvents events) {
  impl_->events.set(std::move(events));
  if (!impl_->started) {
    impl_->start_inner();
  } else {
    impl_->replay_later();
  }
}

void ReplayStream::write(ByteView bytes) { impl_->inner->write(bytes); }
std::size_t ReplayStream::unsent() const { return impl_->inner->unsent(); }
std::size_t ReplayStream::hold_little() { return impl_->inner->hold_little(); }
bool ReplayStream::limited() const { return impl_->inner->limited(); }
void ReplayStream::lift_limits() { impl_->inner->lift_limits(); }
void ReplayStream::finish() { impl_->inner->finish(); }

void ReplayStream::close() {
  impl_->events.clear();
  impl_->inner->close();
}

void ReplayStream::pause() {
  impl_->paused = true;
  impl_->inner->pause();
}

void ReplayStream::resume() {
  impl_->paused = false;
  if (!impl_->started) {
    impl_->inner->resume();
  } else if (impl_->events.is_set()) {
    impl_->replay_later();
  }
}

}  // namespace culvert::runtime
