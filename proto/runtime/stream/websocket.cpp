#include "proto/runtime/stream/websocket.hpp"

#include <sys/types.h>
#include <wslay/wslay.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/replay_stream.hpp"

namespace culvert::runtime {
namespace {

struct FreeContext {
  void operator()(wslay_event_context* context) const { wslay_event_context_free(context); }
};

}  // namespace

struct WebSocketStream::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, Rng& r, WebSocketRole role, std::unique_ptr<ByteStream> s);

  Loop& loop;
  Rng& rng;
  std::unique_ptr<ReplayStream> inner;  // null: closed
  std::unique_ptr<wslay_event_context, FreeContext> context;
  Timer close_timer;  // ends the wait for the peer's Close after ours
  std::shared_ptr<WebSocketEvents> events;
  ByteView inbox;          // bytes that wslay's receive callback takes; used inside on_data() only
  Bytes coming;            // the binary message so far
  std::size_t frames = 0;  // frames of `coming` so far
  std::size_t max_frames = kMaxFragments;
  std::size_t max_message = kMaxMessage;
  bool control = false;    // the present frame is a control frame, not a part of `coming`
  Bytes outbox;            // output of one wslay_event_send()
  std::deque<Bytes> held;  // whole messages that wslay had read when paused (≤ its 4 KiB buffer)
  bool paused = false;

  void start_inner();
  void on_data(ByteView bytes);
  void on_frame(std::uint8_t opcode, std::uint64_t size);
  void on_message(std::uint8_t opcode);
  void refuse(std::uint16_t code);
  void queue(std::uint8_t opcode, ByteView bytes);
  void flush();
  void deliver_held();
  void check_end();
  void end(const Closing& why, bool say_goodbye);
  void close();
};

namespace {

ssize_t give_bytes(wslay_event_context* context, std::uint8_t* out, std::size_t size, int,
                   void* user) {
  auto* inbox = static_cast<ByteView*>(user);
  const auto count = std::min(size, inbox->size());
  if (count == 0) {
    wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
    return -1;
  }
  std::memcpy(out, inbox->data(), count);
  *inbox = inbox->subspan(count);
  return static_cast<ssize_t>(count);
}

}  // namespace

WebSocketStream::Impl::Impl(Loop& l, Rng& r, WebSocketRole role, std::unique_ptr<ByteStream> s)
    : loop(l),
      rng(r),
      inner(std::make_unique<ReplayStream>(l, std::move(s))),
      close_timer(l, [this] {
        end(Error{ErrorCode::kTimeout, "WebSocket: no answer to Close"}, false);
      }) {
  wslay_event_callbacks callbacks{};
  callbacks.recv_callback = [](wslay_event_context* c, std::uint8_t* out, std::size_t size,
                               int flags, void* self) {
    return give_bytes(c, out, size, flags, &static_cast<Impl*>(self)->inbox);
  };
  callbacks.send_callback = [](wslay_event_context*, const std::uint8_t* bytes, std::size_t size,
                               int, void* self) {
    append(static_cast<Impl*>(self)->outbox, {bytes, size});
    return static_cast<ssize_t>(size);
  };
  callbacks.genmask_callback = [](wslay_event_context*, std::uint8_t* out, std::size_t size,
                                  void* self) {
    static_cast<Impl*>(self)->rng.fill({out, size});
    return 0;
  };
  callbacks.on_frame_recv_start_callback =
      [](wslay_event_context*, const wslay_event_on_frame_recv_start_arg* frame, void* self) {
        static_cast<Impl*>(self)->on_frame(frame->opcode, frame->payload_length);
      };
  callbacks.on_frame_recv_chunk_callback =
      [](wslay_event_context*, const wslay_event_on_frame_recv_chunk_arg* chunk, void* user) {
        auto* self = static_cast<Impl*>(user);
        if (!self->control) append(self->coming, {chunk->data, chunk->data_length});
      };
  callbacks.on_msg_recv_callback = [](wslay_event_context*,
                                      const wslay_event_on_msg_recv_arg* arrived, void* self) {
    static_cast<Impl*>(self)->on_message(arrived->opcode);
  };
  wslay_event_context* made = nullptr;
  const auto init = role == WebSocketRole::kServer ? wslay_event_context_server_init
                                                   : wslay_event_context_client_init;
  if (init(&made, &callbacks, this) != 0) std::abort();  // out of memory
  context.reset(made);
  // Without this, wslay would allocate as many bytes as a frame's header announces.
  wslay_event_config_set_no_buffering(made, 1);
  if (!inner->limited()) return;
  max_frames = kMaxStrangerFragments;
  max_message = kMaxForStranger;
}

void WebSocketStream::Impl::start_inner() {
  const auto weak = weak_from_this();
  StreamEvents out;
  out.data = [weak](ByteView bytes) {
    if (const auto self = weak.lock()) self->on_data(bytes);
  };
  out.end = [weak] {
    const auto self = weak.lock();
    if (self) self->end(Error{ErrorCode::kUnavailable, "WebSocket: ended without Close"}, false);
  };
  out.drained = [weak] {
    const auto self = weak.lock();
    if (!self) return;
    if (const auto kept = self->events; kept && kept->drained) kept->drained();
  };
  out.closed = [weak](const Closing& why) {
    const auto self = weak.lock();
    if (!self) return;
    self->end(error_of(why, "WebSocket: ended"), false);
  };
  inner->start(std::move(out));
}

void WebSocketStream::Impl::on_data(ByteView bytes) {
  inbox = bytes;
  // After a malformed frame wslay has queued a Close without a code.
  if (wslay_event_recv(context.get()) != 0) wslay_event_shutdown_read(context.get());
  flush();
  check_end();
}

void WebSocketStream::Impl::on_frame(std::uint8_t opcode, std::uint64_t size) {
  control = opcode >= WSLAY_CONNECTION_CLOSE;
  if (opcode == WSLAY_TEXT_FRAME) return refuse(WSLAY_CODE_UNSUPPORTED_DATA);
  if (control) return;
  if (++frames > max_frames || size > max_message - coming.size()) {
    refuse(WSLAY_CODE_MESSAGE_TOO_BIG);
  }
}

void WebSocketStream::Impl::on_message(std::uint8_t opcode) {
  if (opcode != WSLAY_BINARY_FRAME || !inner) return;  // wslay answers Ping and Close
  frames = 0;
  if (wslay_event_get_read_enabled(context.get()) == 0) return;  // the message was refused
  if (paused) {
    held.push_back(coming);
  } else if (const auto kept = events; kept && kept->message) {
    kept->message(coming);
  }
  coming.clear();
  if (coming.capacity() > kMaxForStranger) coming.shrink_to_fit();
}

// Queues a Close with this code and stops reading.
void WebSocketStream::Impl::refuse(std::uint16_t code) {
  wslay_event_queue_close(context.get(), code, nullptr, 0);
  wslay_event_shutdown_read(context.get());
}

void WebSocketStream::Impl::queue(std::uint8_t opcode, ByteView bytes) {
  if (!inner) return;
  const wslay_event_msg message{opcode, bytes.data(), bytes.size()};
  wslay_event_queue_msg(context.get(), &message);
  flush();
}

void WebSocketStream::Impl::flush() {
  if (!inner) return;
  wslay_event_send(context.get());  // fails only when one of our callbacks fails: never
  if (outbox.empty()) return;
  inner->write(outbox);
  outbox.clear();
  if (outbox.capacity() > kHighWater) outbox.shrink_to_fit();
}

void WebSocketStream::Impl::deliver_held() {
  while (!paused && !held.empty() && inner) {
    const Bytes message = std::move(held.front());
    held.pop_front();
    if (const auto kept = events; kept && kept->message) kept->message(message);
  }
  if (!paused && inner) inner->resume();
}

void WebSocketStream::Impl::check_end() {
  if (!inner || !held.empty()) return;
  const bool received = wslay_event_get_close_received(context.get()) != 0;
  const bool sent = wslay_event_get_close_sent(context.get()) != 0;
  if (received && sent) {
    const auto code = wslay_event_get_status_code_received(context.get());
    if (code == WSLAY_CODE_NORMAL_CLOSURE || code == WSLAY_CODE_GOING_AWAY ||
        code == WSLAY_CODE_NO_STATUS_RCVD) {
      end({}, true);
    } else {
      end(Error{ErrorCode::kUnavailable, "WebSocket: closed with code " + std::to_string(code)},
          true);
    }
  } else if (wslay_event_get_read_enabled(context.get()) == 0) {
    const auto code = wslay_event_get_status_code_sent(context.get());
    end(Error{ErrorCode::kInvalid,
              "WebSocket: bad frame, closed with code " + std::to_string(code)},
        true);
  }
}

// Ends the stream with `closed`. `say_goodbye`: lingers, so that our Close is sent.
void WebSocketStream::Impl::end(const Closing& why, bool say_goodbye) {
  if (!inner) return;
  const auto self = shared_from_this();
  close_timer.cancel();
  auto stream = std::move(inner);
  if (say_goodbye) linger(loop, std::move(stream));
  if (const auto kept = std::move(events); kept && kept->closed) kept->closed(why);
}

void WebSocketStream::Impl::close() {
  close_timer.cancel();
  inner.reset();
  events.reset();
}

WebSocketStream::WebSocketStream(Loop& loop, Rng& rng, WebSocketRole role,
                                 std::unique_ptr<ByteStream> inner)
    : impl_(std::make_shared<Impl>(loop, rng, role, std::move(inner))) {}
WebSocketStream::~WebSocketStream() { impl_->close(); }

void WebSocketStream::start(WebSocketEvents events) {
  impl_->events = std::make_shared<WebSocketEvents>(std::move(events));
  impl_->start_inner();
}

void WebSocketStream::send(ByteView message) { impl_->queue(WSLAY_BINARY_FRAME, message); }
void WebSocketStream::ping() { impl_->queue(WSLAY_PING, {}); }
std::size_t WebSocketStream::unsent() const { return impl_->inner ? impl_->inner->unsent() : 0; }

void WebSocketStream::finish() {
  if (!impl_->inner || impl_->close_timer.armed()) return;
  wslay_event_queue_close(impl_->context.get(), WSLAY_CODE_NORMAL_CLOSURE, nullptr, 0);
  impl_->flush();
  impl_->close_timer.arm_in(kLingerTime);
}

void WebSocketStream::close() { impl_->close(); }

bool WebSocketStream::limited() const { return impl_->inner && impl_->inner->limited(); }

void WebSocketStream::lift_limits() {
  impl_->max_frames = kMaxFragments;
  impl_->max_message = kMaxMessage;
  if (impl_->inner) impl_->inner->lift_limits();
}

void WebSocketStream::pause() {
  impl_->paused = true;
  if (impl_->inner) impl_->inner->pause();
}

void WebSocketStream::resume() {
  impl_->paused = false;
  impl_->loop.defer([weak = std::weak_ptr<Impl>(impl_)] {
    const auto self = weak.lock();
    if (!self) return;
    self->deliver_held();
    self->check_end();
  });
}

}  // namespace culvert::runtime
