// The opening handshake (RFC 6455 §4), and WebSocketConnect.
#include <openssl/evp.h>

#include <array>

#include "proto/core/host_port.hpp"
#include "proto/runtime/loop/timer.hpp"
#include "proto/runtime/stream/websocket.hpp"

namespace culvert::runtime {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string accept_value(std::string_view key) {
  const std::string joined = std::string(key) + std::string(kGuid);
  std::array<std::uint8_t, 20> digest{};
  EVP_Digest(joined.data(), joined.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  return to_base64(digest);
}

tl::unexpected<Error> bad(const char* why) {
  return fail(ErrorCode::kInvalid, std::string("WebSocket: ") + why);
}

}  // namespace

bool is_websocket_upgrade(const http::RequestHead& request) {
  return request.headers.has_token("Upgrade", "websocket");
}

Result<http::HttpHeaders> websocket_accept(const http::RequestHead& request,
                                           std::string_view subprotocol) {
  const auto& headers = request.headers;
  const auto key = headers.one("Sec-WebSocket-Key");
  const auto raw = from_base64(key);
  if (request.method != "GET") return bad("the request is not a GET");
  if (!is_websocket_upgrade(request) || !headers.has_token("Connection", "Upgrade")) {
    return bad("the request is no upgrade");
  }
  if (headers.one("Sec-WebSocket-Version") != "13") return bad("the version is not 13");
  if (!raw || raw->size() != 16) return bad("a bad key");
  http::HttpHeaders out{{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", accept_value(key)}};
  if (!subprotocol.empty()) {
    if (!headers.has_token("Sec-WebSocket-Protocol", subprotocol)) {
      return bad("the subprotocol is not offered");
    }
    out.add("Sec-WebSocket-Protocol", std::string(subprotocol));
  }
  return out;
}

http::RequestHead websocket_request(const http::Url& url, Rng& rng, std::string_view subprotocol) {
  http::RequestHead out{"GET", url.target, {}};
  out.headers.add("Host", host_field({url.host, url.port}, url.tls ? 443 : 80));
  out.headers.add("Upgrade", "websocket");
  out.headers.add("Connection", "Upgrade");
  out.headers.add("Sec-WebSocket-Version", "13");
  out.headers.add("Sec-WebSocket-Key", to_base64(rng.array<16>()));
  if (!subprotocol.empty()) out.headers.add("Sec-WebSocket-Protocol", std::string(subprotocol));
  return out;
}

Status websocket_check(const http::RequestHead& request, const http::ResponseHead& answer) {
  const auto key = request.headers.one("Sec-WebSocket-Key");
  if (!answer.headers.has_token("Upgrade", "websocket") ||
      !answer.headers.has_token("Connection", "Upgrade") ||
      answer.headers.one("Sec-WebSocket-Accept") != accept_value(key)) {
    return bad("the server's handshake does not fit");
  }
  if (answer.headers.one("Sec-WebSocket-Protocol") !=
          request.headers.one("Sec-WebSocket-Protocol") ||
      answer.headers.count("Sec-WebSocket-Extensions") != 0) {
    return bad("the server chose what was not offered");
  }
  return {};
}

struct WebSocketConnect::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, Rng& r, Done d)
      : loop(l),
        rng(r),
        done(std::move(d)),
        timer(l, [this] { finish(fail(ErrorCode::kTimeout, "WebSocket: no answer in time")); }) {}

  Loop& loop;
  Rng& rng;
  Done done;
  Timer timer;
  http::RequestHead request;
  std::unique_ptr<StreamConnect> connect;
  std::unique_ptr<HttpUpgrade> upgrade;

  void connected(Result<std::unique_ptr<ByteStream>> stream);
  void upgraded(Result<Upgraded> answer);
  void finish(Result<std::unique_ptr<WebSocketStream>> result);
};

void WebSocketConnect::Impl::connected(Result<std::unique_ptr<ByteStream>> stream) {
  if (!stream) return finish(fail_with(stream.error()));
  upgrade = std::make_unique<HttpUpgrade>(loop, std::move(*stream), request,
                                          [weak = weak_from_this()](Result<Upgraded> answer) {
                                            if (const auto self = weak.lock())
                                              self->upgraded(std::move(answer));
                                          });
}

void WebSocketConnect::Impl::upgraded(Result<Upgraded> answer) {
  if (!answer) return finish(fail_with(answer.error()));
  if (auto good = websocket_check(request, answer->head); !good) {
    return finish(fail_with(good.error()));
  }
  finish(std::make_unique<WebSocketStream>(loop, rng, WebSocketRole::kClient,
                                           std::move(answer->stream)));
}

void WebSocketConnect::Impl::finish(Result<std::unique_ptr<WebSocketStream>> result) {
  if (!done) return;
  const auto held = shared_from_this();
  timer.cancel();
  std::exchange(done, nullptr)(std::move(result));
}

WebSocketConnect::WebSocketConnect(Loop& loop, Rng& rng, const http::Url& url,
                                   std::shared_ptr<TlsClientContext> tls, Done done,
                                   Duration timeout, std::shared_ptr<const HttpProxy> proxy)
    : impl_(std::make_shared<Impl>(loop, rng, std::move(done))) {
  impl_->request = websocket_request(url, rng);
  impl_->timer.arm_in(timeout);
  ConnectOptions options;
  options.timeout = timeout;
  impl_->connect = std::make_unique<StreamConnect>(
      loop, HostPort{url.host, url.port}, url.tls ? std::move(tls) : nullptr, options,
      [weak = std::weak_ptr<Impl>(impl_)](auto stream) {
        if (const auto self = weak.lock()) self->connected(std::move(stream));
      },
      std::move(proxy));
}
WebSocketConnect::~WebSocketConnect() { impl_->done = nullptr; }

}  // namespace culvert::runtime
