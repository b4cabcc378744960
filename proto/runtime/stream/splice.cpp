#include "proto/runtime/stream/splice.hpp"

#include "proto/runtime/loop/timer.hpp"

namespace culvert::runtime {

struct Splice::Impl : std::enable_shared_from_this<Impl> {
  struct Side {
    std::shared_ptr<ByteStream> stream;
    std::uint64_t read = 0;
    bool ended = false;   // the peer has half-closed
    bool closed = false;  // closed cleanly
    bool paused = false;  // because the other side is full
  };

  Impl(Loop& l, SpliceOptions o)
      : loop(l), options(std::move(o)), idle(l, [this] { check_idle(); }) {}

  Loop& loop;
  SpliceOptions options;
  Side a, b;
  Timer idle;
  Instant last_byte;
  bool over = false;

  void start(Side& from, Side& to);
  void on_data(Side& from, Side& to, ByteView bytes);
  void on_closed(Side& from, Side& to, const Closing& why);
  void check_idle();
  void end(SpliceEnd how, Error why);
};

// The events hold a pointer to the Impl, since the Splice may be destroyed inside any event.
// close() drops the events again.
void Splice::Impl::start(Side& from, Side& to) {
  StreamEvents events;
  const auto self = shared_from_this();
  events.data = [self, &from, &to](ByteView bytes) { self->on_data(from, to, bytes); };
  events.end = [self, &from, &to] {
    from.ended = true;
    to.stream->finish();
  };
  events.drained = [self, &to] {
    if (std::exchange(to.paused, false)) to.stream->resume();
  };
  events.closed = [self, &from, &to](const Closing& why) { self->on_closed(from, to, why); };
  from.stream->start(std::move(events));
}

void Splice::Impl::on_data(Side& from, Side& to, ByteView bytes) {
  if (to.closed) {
    end(SpliceEnd::kBroken, {ErrorCode::kUnavailable, "the other side has closed"});
    return;
  }
  from.read += bytes.size();
  if (options.idle > Duration::zero()) last_byte = loop.now().steady;
  to.stream->write(bytes);
  if (!over && to.stream->unsent() > kHighWater && !from.paused) {
    from.paused = true;
    from.stream->pause();
  }
}

void Splice::Impl::on_closed(Side& from, Side& to, const Closing& why) {
  if (over) return;
  from.closed = true;
  if (why) {
    end(SpliceEnd::kBroken, *why);
  } else if (to.closed) {
    end(SpliceEnd::kFinished, {});
  } else if (!from.ended) {  // a stream without half-close
    to.stream->finish();
  }  // otherwise `to` closes after its last bytes
}

void Splice::Impl::check_idle() {
  const Instant due = last_byte + options.idle;
  if (loop.now().steady < due) {
    idle.arm_at(due);
  } else {
    end(SpliceEnd::kIdle, {});
  }
}

void Splice::Impl::end(SpliceEnd how, Error why) {
  if (std::exchange(over, true)) return;
  const auto held = shared_from_this();
  idle.cancel();
  a.stream->close();
  b.stream->close();
  const auto done = std::exchange(options.done, nullptr);
  if (done) done({a.read, b.read, how, std::move(why)});
}

std::unique_ptr<Splice> splice(Loop& loop, std::shared_ptr<ByteStream> a,
                               std::shared_ptr<ByteStream> b, SpliceOptions options) {
  auto impl = std::make_shared<Splice::Impl>(loop, std::move(options));
  impl->a.stream = std::move(a);
  impl->b.stream = std::move(b);
  impl->start(impl->a, impl->b);
  impl->start(impl->b, impl->a);
  if (impl->options.idle > Duration::zero()) {
    impl->last_byte = loop.now().steady;
    impl->idle.arm_in(impl->options.idle);
  }
  return std::unique_ptr<Splice>(new Splice(std::move(impl)));
}

Splice::Splice(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Splice::~Splice() {
  impl_->options.done = nullptr;
  impl_->end(SpliceEnd::kCut, {});
}

void Splice::cut() {
  const auto held = impl_;
  held->end(SpliceEnd::kCut, {});
}

std::uint64_t Splice::a_to_b() const { return impl_->a.read; }
std::uint64_t Splice::b_to_a() const { return impl_->b.read; }
Instant Splice::last_byte() const { return impl_->last_byte; }

}  // namespace culvert::runtime
