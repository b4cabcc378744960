#include "proto/runtime/stream/tcp.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "proto/runtime/loop/sockaddr.hpp"
#include "proto/runtime/stream/tcp_impl.hpp"

namespace culvert::runtime {
namespace {

constexpr std::size_t kReadChunk = 64U << 10U;

struct WriteRequest {
  uv_write_t request{};
  Bytes bytes;
  std::weak_ptr<void> owner;
};
struct ShutdownRequest {
  uv_shutdown_t request{};
  std::weak_ptr<void> owner;
};

uv_buf_t buffer_of(ByteView bytes) {
  auto* base = const_cast<std::uint8_t*>(bytes.data());  // libuv does not change the bytes
  return uv_buf_init(reinterpret_cast<char*>(base), static_cast<unsigned>(bytes.size()));
}

// Each thread has one buffer: reads are not nested, and a view is valid only during its event.
void give_buffer(uv_handle_t*, std::size_t, uv_buf_t* out) {
  thread_local std::array<char, kReadChunk> buffer;
  *out = uv_buf_init(buffer.data(), kReadChunk);
}

template <class Impl>
std::shared_ptr<Impl> owner_of(const std::weak_ptr<void>& owner) {
  return std::static_pointer_cast<Impl>(owner.lock());
}

}  // namespace

void TcpStream::Impl::learn_endpoints() {
  uv_tcp_nodelay(handle.get(), 1);
  SocketAddress address;
  int size = sizeof address.storage;
  if (uv_tcp_getsockname(handle.get(), address.raw(), &size) == 0) {
    local = from_sockaddr(address.raw());
  }
  size = sizeof address.storage;
  if (uv_tcp_getpeername(handle.get(), address.raw(), &size) == 0) {
    peer = from_sockaddr(address.raw());
  }
}

void TcpStream::Impl::set_reading() {
  if (!handle || !events.is_set() || read_ended || failing) return;
  if (paused) {
    uv_read_stop(as_stream(handle));
    return;
  }
  uv_read_start(as_stream(handle), give_buffer,
                [](uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
                  auto* self = static_cast<Impl*>(stream->data);
                  if (self != nullptr) self->on_read(count, buffer);
                });
}

void TcpStream::Impl::on_read(ssize_t count, const uv_buf_t* buffer) {
  const auto held = shared_from_this();
  if (count > 0) {
    events.data(
        {reinterpret_cast<const std::uint8_t*>(buffer->base), static_cast<std::size_t>(count)});
    if (static_cast<std::size_t>(count) == buffer->len) leave_turn();
  } else if (count == UV_EOF) {
    read_ended = true;
    uv_read_stop(as_stream(handle));
    events.end();
    maybe_done();
  } else if (count < 0) {
    close_with(uv_error("connection to " + format(peer), static_cast<int>(count)));
  }
}

// libuv reads a full buffer up to 32 times before it serves another handle. A peer whose bytes cost
// much (TLS records of one byte each) would hold up all others, so a turn has one full buffer.
void TcpStream::Impl::leave_turn() {
  if (!handle || !events.is_set() || paused || read_ended || failing) return;
  uv_read_stop(as_stream(handle));
  loop.defer([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->set_reading();
  });
}

int TcpStream::Impl::descriptor() const {
  uv_os_fd_t out = -1;
  uv_fileno(reinterpret_cast<const uv_handle_t*>(handle.get()), &out);
  return out;
}

std::size_t TcpStream::Impl::unsent() const {
  return handle ? queue.size() + uv_stream_get_write_queue_size(as_stream(handle)) : 0;
}

void TcpStream::Impl::flush() {
  if (writing || queue.empty() || !handle) return;
  auto* write = new WriteRequest{{}, std::exchange(queue, {}), weak_from_this()};
  write->request.data = write;
  const auto buffer = buffer_of(write->bytes);
  writing = true;
  uv_write(&write->request, as_stream(handle), &buffer, 1, [](uv_write_t* request, int status) {
    const std::unique_ptr<WriteRequest> done(static_cast<WriteRequest*>(request->data));
    if (const auto self = owner_of<Impl>(done->owner)) self->on_written(status);
  });
}

void TcpStream::Impl::on_written(int status) {
  writing = false;
  if (!handle) return;
  if (status < 0) {
    close_with(uv_error("connection to " + format(peer), status));
    return;
  }
  flush();
  if (!writing && finish_wanted) send_fin();
  if (above_low && unsent() <= low_water) {
    above_low = false;
    events.drained();
  }
}

void TcpStream::Impl::send_fin() {
  auto* request = new ShutdownRequest{{}, weak_from_this()};
  request->request.data = request;
  const int status = uv_shutdown(&request->request, as_stream(handle), [](uv_shutdown_t* raw, int) {
    const std::unique_ptr<ShutdownRequest> done(static_cast<ShutdownRequest*>(raw->data));
    if (const auto self = owner_of<Impl>(done->owner); self && self->handle) {
      self->finished = true;
      self->maybe_done();
    }
  });
  if (status != 0) delete request;  // not connected any more: a read or write reports that
}

void TcpStream::Impl::maybe_done() {
  if (!handle || !read_ended || !finished) return;
  close_with({});
}

void TcpStream::Impl::close_with(Closing why) {
  if (!handle) return;
  failing = true;
  if (!events.is_set()) {  // start() will deliver the failure
    failure = std::move(why);
    return;
  }
  handle.reset();
  place.reset();
  queue.clear();
  events.closed(why);
}

void TcpStream::Impl::fail_later(Error why) {
  if (failing) return;
  failing = true;
  uv_read_stop(as_stream(handle));
  loop.defer([self = shared_from_this(), why = std::move(why)] { self->close_with(why); });
}

void TcpStream::Impl::close() {
  handle.reset();
  place.reset();
  queue.clear();
  events.clear();
}

TcpStream::TcpStream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
TcpStream::~TcpStream() { impl_->close(); }

void TcpStream::start(StreamEvents events) {
  impl_->events.set(std::move(events));
  if (impl_->failure) {
    impl_->loop.defer([impl = impl_] { impl->close_with(impl->failure); });
  }
  impl_->set_reading();
}

void TcpStream::write(ByteView bytes) {
  auto& self = *impl_;
  if (!self.handle || self.failing || self.finish_wanted || bytes.empty()) return;
  if (!self.writing && self.queue.empty()) {
    const auto buffer = buffer_of(bytes);
    const int sent = uv_try_write(as_stream(self.handle), &buffer, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
      self.fail_later(uv_error("connection to " + format(self.peer), sent));
      return;
    }
    if (sent > 0) bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  append(self.queue, bytes);
  self.flush();
  if (self.unsent() > self.low_water) self.above_low = true;
  if (self.unsent() > self.max_unsent) {
    self.fail_later({ErrorCode::kExhausted, "connection to " + format(self.peer) +
                                                ": the peer does not read what is sent"});
  }
}

std::size_t TcpStream::unsent() const { return impl_->unsent(); }

void TcpStream::finish() {
  if (!impl_->handle || impl_->finish_wanted) return;
  impl_->finish_wanted = true;
  if (!impl_->writing) impl_->send_fin();
}

void TcpStream::close() { impl_->close(); }

void TcpStream::pause() {
  impl_->paused = true;
  impl_->set_reading();
}
void TcpStream::resume() {
  impl_->paused = false;
  impl_->set_reading();
}

std::size_t TcpStream::hold_little() {
  if (!impl_->handle) return kLittle;
  const int unsent = kLittle;  // tcp(7): TCP_NOTSENT_LOWAT
  ::setsockopt(impl_->descriptor(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
  return impl_->low_water = kLittle;
}

void TcpStream::limit(std::shared_ptr<void> place) {
  impl_->max_unsent = kMaxForStranger;
  impl_->place = std::move(place);
}

bool TcpStream::limited() const { return impl_->max_unsent < kMaxUnsent; }

void TcpStream::lift_limits() {
  impl_->max_unsent = kMaxUnsent;
  impl_->place.reset();
}

void TcpStream::abort(Error why) {
  if (!impl_->handle) return;
  const struct ::linger at_once { 1, 0 };  // makes the following close a reset
  ::setsockopt(impl_->descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  impl_->queue.clear();
  impl_->fail_later(std::move(why));
}

Endpoint TcpStream::local_endpoint() const { return impl_->local; }
Endpoint TcpStream::peer_endpoint() const { return impl_->peer; }

}  // namespace culvert::runtime
