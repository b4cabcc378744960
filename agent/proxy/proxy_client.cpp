#include "agent/proxy/proxy_client.hpp"

#include <algorithm>
#include <utility>

#include "agent/proxy/request.hpp"

namespace culvert::proxy {
namespace {

using runtime::ByteStream;

std::string http_answer(int status) {
  const auto [line, body] = [&]() -> std::pair<std::string, std::string> {
    switch (status) {
      case 502:
        return {"502 Bad Gateway", "no such service\n"};
      case 405:
        return {"405 Method Not Allowed\r\nAllow: CONNECT",
                "this is a proxy: it serves CONNECT, SOCKS5 and http:// URLs\n"};
      case 403:
        return {"403 Forbidden", "web pages of other sites may not use this proxy\n"};
      case 408:
        return {"408 Request Timeout", "no complete request in time\n"};
      case 503:
        return {"503 Service Unavailable",
                "this proxy has too many open connections: close some first\n"};
      default:
        return {"400 Bad Request", "neither a CONNECT request nor one for an http:// URL\n"};
    }
  }();
  return "HTTP/1.1 " + line +
         "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

bool is_binary(ByteView bytes) {
  return std::any_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) {
    return (byte < 0x20 && byte != '\r' && byte != '\n' && byte != '\t') || byte == 0x7F;
  });
}

constexpr std::string_view kConnected = "HTTP/1.1 200 Connection established\r\n\r\n";

}  // namespace

ProxyClient::ProxyClient(runtime::Loop& loop, std::unique_ptr<ByteStream> stream,
                         std::shared_ptr<Farewells> farewells, Events events)
    : stream_(std::make_unique<runtime::ReplayStream>(loop, std::move(stream))),
      farewells_(std::move(farewells)),
      timer_(loop, [this] { too_slow(); }),
      events_(std::move(events)) {}

void ProxyClient::start() {
  timer_.arm_in(kProxyHeadTimeout);
  runtime::StreamEvents events;
  events.data = [self = weak_from_this()](ByteView bytes) {
    if (const auto held = self.lock()) held->read(bytes);
  };
  events.end = [self = weak_from_this()] {
    if (const auto held = self.lock()) held->end(Ending::kMalformed);
  };
  events.closed = [self = weak_from_this()](const runtime::Closing&) {
    if (const auto held = self.lock()) held->end(Ending::kGone);
  };
  stream_->start(std::move(events));
}

std::unique_ptr<ByteStream> ProxyClient::take() {
  if (socks_) {
    stream_->write(render_socks_reply(SocksReply::kSucceeded));
  } else if (request_.connect) {
    stream_->write(view(kConnected));
  } else {
    head_.insert(head_.begin(), request_.head.begin(), request_.head.end());
  }
  stream_->hand_over(head_);
  return std::move(stream_);
}

void ProxyClient::refuse_unreachable() {
  last_words(socks_ ? text(render_socks_reply(SocksReply::kUnreachable)) : http_answer(502));
}

// The answer is in the client's protocol. While the request is incomplete, only the first byte
// tells the protocol; a client that has sent nothing gets the answer of HTTP.
void ProxyClient::refuse_full() {
  const auto answer = socks_ && greeted_ ? to_bytes(render_socks_reply(SocksReply::kFailure))
                      : socks_           ? Bytes{kSocksVersion, 0xFF}
                                         : to_bytes(view(http_answer(503)));
  events_.asked = nullptr;
  events_.ended = nullptr;
  last_words(text(answer));
}

void ProxyClient::too_slow() {
  if (head_.empty() || socks_) return end(Ending::kMalformed);
  reject(http_answer(408), Ending::kMalformed);
}

void ProxyClient::read(ByteView bytes) {
  if (!events_.asked) return;
  const bool line_ended = std::find(bytes.begin(), bytes.end(), '\n') != bytes.end();
  append(head_, bytes);
  if (head_[0] == kSocksVersion) {
    read_socks();
  } else if (head_[0] == kSocks4Version) {
    reject(text(render_socks4_refusal()), Ending::kMalformed);
  } else if (line_ended || head_.size() >= http::kMaxHeadSize || is_binary(bytes)) {
    read_http();  // only a line's end, the size limit or a control character can decide a head
  }
}

void ProxyClient::read_socks() {
  socks_ = true;
  if (!greeted_) {
    const auto greeting = parse_socks_greeting(head_);
    if (!greeting) return end(Ending::kMalformed);
    if (greeting->size == 0) return;
    forget(greeting->size);
    const Bytes answer = {kSocksVersion, static_cast<std::uint8_t>(greeting->value ? 0 : 0xFF)};
    if (!greeting->value) return reject(text(answer), Ending::kMalformed);
    stream_->write(answer);
    greeted_ = true;
  }
  const auto request = parse_socks_request(head_);
  if (!request && request.error() == SocksReply::kUnreachable) return ask({});
  if (!request) return reject(text(render_socks_reply(request.error())), Ending::kMalformed);
  if (request->size == 0) return;
  forget(request->size);
  ask({request->value, true, ""});
}

void ProxyClient::read_http() {
  const auto head = parse_either_version(head_);
  if (!head) return reject(http_answer(400), Ending::kMalformed);
  if (head->size == 0) return;
  const auto line = text(head_).substr(0, text(head_).find('\r'));
  auto request = proxy_request(head->head, line.ends_with(" HTTP/1.0"));
  if (!request) {
    return reject(http_answer(request.error()),
                  request.error() == 403 ? Ending::kForeign : Ending::kMalformed);
  }
  forget(head->size);
  ask(std::move(*request));
}

void ProxyClient::forget(std::size_t size) {
  head_.erase(head_.begin(), head_.begin() + static_cast<std::ptrdiff_t>(size));
}

void ProxyClient::ask(ProxyRequest request) {
  timer_.cancel();
  stream_->pause();
  request_ = std::move(request);
  if (const auto asked = std::exchange(events_.asked, nullptr)) asked(request_.target);
}

void ProxyClient::reject(std::string_view answer, Ending ending) {
  last_words(answer);
  end(ending);
}

void ProxyClient::last_words(std::string_view answer) {
  timer_.cancel();
  stream_->hand_over({});
  farewells_->say(std::move(stream_), std::string(answer));
}

void ProxyClient::end(Ending ending) {
  timer_.cancel();
  events_.asked = nullptr;
  if (const auto ended = std::exchange(events_.ended, nullptr)) ended(ending);
}

}  // namespace culvert::proxy
