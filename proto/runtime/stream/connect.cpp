#include "proto/runtime/stream/connect.hpp"
#include "proto/core/host_port.hpp"

#include <algorithm>

#include "proto/runtime/stream/replay_stream.hpp"

namespace culvert::runtime {

struct StreamConnect::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, Done d) : loop(l), done(std::move(d)) {}

  Loop& loop;
  Done done;
  using Next = void (Impl::*)(std::unique_ptr<ByteStream>);

  HostPort to;
  std::shared_ptr<TlsClientContext> tls;
  std::shared_ptr<const HttpProxy> proxy;
  std::unique_ptr<TcpConnect> tcp;
  std::unique_ptr<ProxyTunnel> tunnel;
  std::unique_ptr<ReplayStream> stream;  // the TLS stream, until its handshake is done

  void connected(Result<std::unique_ptr<TcpStream>> result);
  void at_proxy(std::unique_ptr<ByteStream> plain_or_tls);
  void at_target(std::unique_ptr<ByteStream> plain);
  void done_with(std::unique_ptr<ByteStream> result) { finish(std::move(result)); }
  void secure(std::unique_ptr<ByteStream> inner, const std::shared_ptr<TlsClientContext>& context,
              Next next, std::string whose);
  void finish(Result<std::unique_ptr<ByteStream>> result);
};

void StreamConnect::Impl::connected(Result<std::unique_ptr<TcpStream>> result) {
  if (!result && proxy) {
    return finish(fail(result.error().code, "the proxy of " + proxy->named_by + ": " +
                                                result.error().message +
                                                " (is it running there?)"));
  }
  if (!result) return finish(fail_with(result.error()));
  if (!proxy) return at_target(std::move(*result));
  if (!proxy->tls) return at_proxy(std::move(*result));
  secure(std::move(*result), proxy->tls, &Impl::at_proxy, "the proxy of " + proxy->named_by + ": ");
}

void StreamConnect::Impl::at_proxy(std::unique_ptr<ByteStream> plain_or_tls) {
  tunnel = std::make_unique<ProxyTunnel>(
      loop, std::move(plain_or_tls), proxy, to,
      [weak = weak_from_this()](Result<std::unique_ptr<ByteStream>> through) {
        const auto self = weak.lock();
        if (!self) return;
        if (!through) return self->finish(fail_with(through.error()));
        self->at_target(std::move(*through));
      });
}

void StreamConnect::Impl::at_target(std::unique_ptr<ByteStream> plain) {
  if (!tls) return finish(std::move(plain));
  secure(std::move(plain), tls, &Impl::done_with, "");
}

void StreamConnect::Impl::secure(std::unique_ptr<ByteStream> inner,
                                 const std::shared_ptr<TlsClientContext>& context, Next next,
                                 std::string whose) {
  const auto weak = weak_from_this();
  auto secured = TlsStream::client(loop, context, std::move(inner));
  secured->on_handshake([weak, next](const TlsInfo&) {
    const auto self = weak.lock();
    if (!self || !self->stream) return;
    self->stream->hand_over({});
    (self.get()->*next)(std::move(self->stream));
  });
  stream = std::make_unique<ReplayStream>(loop, std::move(secured));
  StreamEvents events;
  events.closed = [weak, whose = std::move(whose)](const Closing& why) {
    const auto self = weak.lock();
    if (!self) return;
    const Error error = error_of(why, "the connection was closed");
    self->finish(fail(error.code, whose + error.message));
  };
  stream->start(std::move(events));
}

void StreamConnect::Impl::finish(Result<std::unique_ptr<ByteStream>> result) {
  if (!done) return;
  const auto held = shared_from_this();
  std::exchange(done, nullptr)(std::move(result));
}

StreamConnect::StreamConnect(Loop& loop, const HostPort& to, std::shared_ptr<TlsClientContext> tls,
                             ConnectOptions options, Done done,
                             std::shared_ptr<const HttpProxy> proxy)
    : impl_(std::make_shared<Impl>(loop, std::move(done))) {
  impl_->to = to;
  impl_->tls = std::move(tls);
  impl_->proxy = std::move(proxy);
  if (impl_->proxy) options.timeout = std::min(options.timeout, kProxyTimeout);
  const auto& first = impl_->proxy ? impl_->proxy->at : to;
  impl_->tcp = std::make_unique<TcpConnect>(loop, first, std::move(options),
                                            [weak = std::weak_ptr<Impl>(impl_)](auto result) {
                                              if (const auto self = weak.lock())
                                                self->connected(std::move(result));
                                            });
}
StreamConnect::~StreamConnect() { impl_->done = nullptr; }

}  // namespace culvert::runtime
