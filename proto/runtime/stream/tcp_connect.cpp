#include <unistd.h>

#include "proto/core/host_port.hpp"
#include "proto/runtime/loop/sockaddr.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/tcp_impl.hpp"

namespace culvert::runtime {

struct TcpConnect::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, HostPort t, ConnectOptions o, Done d)
      : loop(l),
        to(std::move(t)),
        options(std::move(o)),
        done(std::move(d)),
        timer(l,
              [this] {
                finish(
                    culvert::fail(ErrorCode::kTimeout, "connect to " + format(to) + ": no answer"));
              }),
        attempt_timer(l, [this] { on_connected(UV_ETIMEDOUT); }) {}

  Loop& loop;
  HostPort to;
  ConnectOptions options;
  Done done;  // empty: answered or cancelled
  Timer timer;
  Timer attempt_timer;
  std::unique_ptr<Resolve> resolve;
  std::vector<IpAddress> addresses;  // still to be tried, last first
  std::shared_ptr<TcpStream::Impl> attempt;
  Error last{ErrorCode::kUnavailable, "no address"};

  void begin();
  void resolved(Result<std::vector<IpAddress>> found);
  void try_next();
  Status prepare();
  void on_connected(int status);
  void finish(Result<std::unique_ptr<TcpStream>> result);
  void cancel();
};

void TcpConnect::Impl::begin() {
  timer.arm_in(options.timeout);
  if (const auto address = parse_address(to.host)) {
    loop.defer([weak = weak_from_this(), address = *address] {
      if (const auto self = weak.lock()) self->resolved(std::vector{address});
    });
    return;
  }
  resolve = std::make_unique<Resolve>(loop, to.host, [this](auto found) {
    const auto held = shared_from_this();
    resolved(std::move(found));
  });
}

void TcpConnect::Impl::resolved(Result<std::vector<IpAddress>> found) {
  if (!done) return;
  if (!found) {
    finish(fail_with(found.error()));
    return;
  }
  for (auto at = found->rbegin(); at != found->rend(); ++at) {
    if (options.allowed && !options.allowed(*at)) {
      last = {ErrorCode::kDenied,
              "connect to " + format(to) + ": " + format(*at) + " is not an allowed address"};
    } else {
      addresses.push_back(*at);
    }
  }
  try_next();
}

Status TcpConnect::Impl::prepare() {
  if (!options.socket) return {};
  const auto descriptor = options.socket();
  if (!descriptor) return fail_with(descriptor.error());
  const int status = uv_tcp_open(attempt->handle.get(), *descriptor);
  if (status == 0) return {};
  ::close(*descriptor);
  return fail_with(uv_error("connect to " + format(to), status));
}

void TcpConnect::Impl::try_next() {
  struct Request {
    uv_connect_t request{};
    std::weak_ptr<Impl> owner;
  };
  while (!addresses.empty()) {
    const Endpoint endpoint{addresses.back(), to.port};
    addresses.pop_back();
    attempt = std::make_shared<TcpStream::Impl>(loop);
    if (const auto ready = prepare(); !ready) {
      last = ready.error();
      attempt->close();
      continue;
    }
    const auto address = to_sockaddr(endpoint);
    auto* request = new Request{{}, weak_from_this()};
    request->request.data = request;
    const int status = uv_tcp_connect(
        &request->request, attempt->handle.get(), address.raw(), [](uv_connect_t* raw, int result) {
          const std::unique_ptr<Request> held(static_cast<Request*>(raw->data));
          const auto self = held->owner.lock();
          // `data` is null for a cancelled attempt of an earlier address: ignore its result.
          if (self && raw->handle->data != nullptr) self->on_connected(result);
        });
    if (status == 0) {
      if (!addresses.empty()) attempt_timer.arm_in(kAttemptTimeout);
      return;
    }
    delete request;
    last = uv_error("connect to " + format(to), status);
    attempt->close();
  }
  finish(fail_with(last));
}

void TcpConnect::Impl::on_connected(int status) {
  if (!done) return;
  attempt_timer.cancel();
  if (status != 0) {
    last = uv_error("connect to " + format(to), status);
    attempt->close();
    try_next();
    return;
  }
  attempt->learn_endpoints();
  finish(std::unique_ptr<TcpStream>(new TcpStream(std::exchange(attempt, nullptr))));
}

void TcpConnect::Impl::finish(Result<std::unique_ptr<TcpStream>> result) {
  if (!done) return;
  const auto held = shared_from_this();
  const auto call = std::exchange(done, nullptr);
  cancel();
  call(std::move(result));
}

void TcpConnect::Impl::cancel() {
  done = nullptr;
  timer.cancel();
  attempt_timer.cancel();
  resolve.reset();
  if (attempt) attempt->close();
  attempt.reset();
}

TcpConnect::TcpConnect(Loop& loop, const HostPort& to, ConnectOptions options, Done done)
    : impl_(std::make_shared<Impl>(loop, to, std::move(options), std::move(done))) {
  impl_->begin();
}
TcpConnect::TcpConnect(Loop& loop, const Endpoint& to, ConnectOptions options, Done done)
    : TcpConnect(loop, HostPort{format(to.address), to.port}, std::move(options), std::move(done)) {
}
TcpConnect::~TcpConnect() { impl_->cancel(); }

struct TcpListener::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, Accepted a)
      : loop(l),
        accepted(std::make_shared<Accepted>(std::move(a))),
        handle(make_handle(uv_tcp_init, l.raw(), this)) {}

  Loop& loop;
  std::shared_ptr<Accepted> accepted;  // copied for each call, which may destroy the listener
  HandlePtr<uv_tcp_t> handle;
  Endpoint local;
  int taken = 0;         // connections in this turn of the loop
  bool paused = false;   // by pause()
  bool waiting = false;  // libuv holds one connection and does not look for further ones

  void on_connection();
  void go_on_later();
};

// libuv calls this until the backlog is empty. When a call leaves its connection unaccepted, libuv
// stops until uv_accept() is called.
void TcpListener::Impl::on_connection() {
  if (paused || taken >= kMaxAcceptsATurn) {
    waiting = true;
    return;
  }
  if (taken++ == 0) go_on_later();
  auto stream = std::make_shared<TcpStream::Impl>(loop);
  if (uv_accept(as_stream(handle), as_stream(stream->handle)) != 0) return;
  stream->learn_endpoints();
  const auto peer = stream->peer;
  const auto call = accepted;
  (*call)(std::unique_ptr<TcpStream>(new TcpStream(std::move(stream))), peer);
}

void TcpListener::Impl::go_on_later() {
  loop.defer([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->taken = 0;
    if (self->waiting && !self->paused) {
      self->waiting = false;
      self->on_connection();
    }
  });
}

Result<std::unique_ptr<TcpListener>> TcpListener::open(Loop& loop, const Endpoint& at,
                                                       Accepted accepted) {
  auto impl = std::make_shared<Impl>(loop, std::move(accepted));
  const auto address = to_sockaddr(at);
  int status = uv_tcp_bind(impl->handle.get(), address.raw(), 0);
  if (status == 0) status = listen(*impl);
  if (status != 0) {
    const char* hint = status == UV_EADDRINUSE ? " (stop the other program or choose another port)"
                       : status == UV_EACCES   ? " (ports below 1024 need a privilege)"
                                               : "";
    auto error = uv_error("cannot listen on " + format(at), status);
    error.message += hint;
    return fail_with(std::move(error));
  }
  return std::unique_ptr<TcpListener>(new TcpListener(std::move(impl)));
}

Result<std::unique_ptr<TcpListener>> TcpListener::adopt(Loop& loop, int descriptor,
                                                        Accepted accepted) {
  auto impl = std::make_shared<Impl>(loop, std::move(accepted));
  int status = uv_tcp_open(impl->handle.get(), descriptor);
  if (status != 0) ::close(descriptor);
  if (status == 0) status = listen(*impl);
  if (status != 0) return fail_with(uv_error("cannot listen", status));
  return std::unique_ptr<TcpListener>(new TcpListener(std::move(impl)));
}

int TcpListener::listen(Impl& impl) {
  const int status =
      uv_listen(as_stream(impl.handle), kListenBacklog, [](uv_stream_t* s, int result) {
        auto* self = static_cast<Impl*>(s->data);
        if (self != nullptr && result == 0) self->on_connection();
      });
  SocketAddress bound;
  int size = sizeof bound.storage;
  uv_tcp_getsockname(impl.handle.get(), bound.raw(), &size);
  impl.local = from_sockaddr(bound.raw());
  return status;
}

TcpListener::TcpListener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
// Shuts the socket down as well: the maker of an adopted descriptor may still have a duplicate
// open, so that closing alone would not end the listening.
TcpListener::~TcpListener() {
  uv_os_fd_t descriptor = -1;
  if (uv_fileno(reinterpret_cast<const uv_handle_t*>(impl_->handle.get()), &descriptor) == 0) {
    ::shutdown(descriptor, SHUT_RDWR);
  }
  impl_->handle.reset();
}
Endpoint TcpListener::local_endpoint() const { return impl_->local; }

void TcpListener::pause() { impl_->paused = true; }
void TcpListener::resume() {
  impl_->paused = false;
  if (impl_->waiting) impl_->go_on_later();
}

}  // namespace culvert::runtime
