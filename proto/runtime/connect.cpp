#include "proto/runtime/connect.hpp"

#include "proto/runtime/replay_stream.hpp"

namespace culvert::runtime {

struct StreamConnect::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, Done d) : loop(l), done(std::move(d)) {}

  Loop& loop;
  Done done;
  std::shared_ptr<TlsClientContext> tls;
  std::unique_ptr<TcpConnect> tcp;
  std::unique_ptr<ReplayStream> stream;  // TLS, until its handshake is done

  void connected(Result<std::unique_ptr<TcpStream>> result);
  void finish(Result<std::unique_ptr<ByteStream>> result);
};

void StreamConnect::Impl::connected(Result<std::unique_ptr<TcpStream>> result) {
  if (!result) return finish(fail_with(result.error()));
  if (!tls) return finish(std::unique_ptr<ByteStream>(std::move(*result)));
  const auto weak = weak_from_this();
  auto secured = TlsStream::client(loop, tls, std::move(*result));
  secured->on_handshake([weak](const TlsInfo&) {
    const auto self = weak.lock();
    if (!self || !self->stream) return;
    self->stream->hand_over({});
    self->finish(std::unique_ptr<ByteStream>(std::move(self->stream)));
  });
  stream = std::make_unique<ReplayStream>(loop, std::move(secured));
  StreamEvents events;
  events.closed = [weak](const Error& why) {
    if (const auto self = weak.lock()) self->finish(fail_with(why));
  };
  stream->start(std::move(events));
}

void StreamConnect::Impl::finish(Result<std::unique_ptr<ByteStream>> result) {
  if (!done) return;
  const auto held = shared_from_this();
  std::exchange(done, nullptr)(std::move(result));
}

StreamConnect::StreamConnect(Loop& loop, const HostPort& to, std::shared_ptr<TlsClientContext> tls,
                             ConnectOptions options, Done done)
    : impl_(std::make_shared<Impl>(loop, std::move(done))) {
  impl_->tls = std::move(tls);
  impl_->tcp = std::make_unique<TcpConnect>(loop, to, std::move(options),
                                            [weak = std::weak_ptr<Impl>(impl_)](auto result) {
                                              if (const auto self = weak.lock())
                                                self->connected(std::move(result));
                                            });
}
StreamConnect::~StreamConnect() { impl_->done = nullptr; }

}  // namespace culvert::runtime
