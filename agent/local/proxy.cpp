#include "agent/local/proxy.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "agent/local/request.hpp"
#include "agent/local/tunnels.hpp"
#include "proto/runtime/replay_stream.hpp"
#include "proto/runtime/tcp.hpp"
#include "proto/runtime/timer.hpp"

namespace culvert::local {
namespace {

using runtime::ByteStream;

std::string http_answer(int status) {
  const auto [line, body] = [&]() -> std::pair<std::string, std::string> {
    switch (status) {
      case 502:
        return {"502 Bad Gateway", "no such service\n"};
      case 405:
        return {"405 Method Not Allowed\r\nAllow: CONNECT",
                "this proxy serves CONNECT and SOCKS5 only (curl: --proxytunnel)\n"};
      case 403:
        return {"403 Forbidden", "web pages may not use this proxy\n"};
      default:
        return {"400 Bad Request", "not a CONNECT request\n"};
    }
  }();
  return "HTTP/1.1 " + line +
         "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

constexpr std::string_view kConnected = "HTTP/1.1 200 Connection established\r\n\r\n";

}  // namespace

// A local connection until its request is answered. What it learns goes to `asked` (once); a
// request that cannot be served is answered and ends here.
class ProxyClient : public std::enable_shared_from_this<ProxyClient> {
 public:
  enum class Ending { kMalformed, kForeign, kGone };
  struct Events {
    std::function<void(Target)> asked;
    std::function<void(Ending)> ended;  // the last one; not after take()
  };

  ProxyClient(runtime::Loop& loop, std::unique_ptr<ByteStream> stream, Events events)
      : loop_(loop),
        stream_(std::make_unique<runtime::ReplayStream>(loop, std::move(stream))),
        timer_(loop, [this] { end(Ending::kMalformed); }),
        events_(std::move(events)) {}

  void start() {
    timer_.arm_in(kProxyHeadTimeout);
    runtime::StreamEvents events;
    events.data = [self = weak_from_this()](ByteView bytes) {
      if (const auto held = self.lock()) held->read(bytes);
    };
    events.end = [self = weak_from_this()] {
      if (const auto held = self.lock()) held->end(Ending::kMalformed);
    };
    events.closed = [self = weak_from_this()](const Error&) {
      if (const auto held = self.lock()) held->end(Ending::kGone);
    };
    stream_->start(std::move(events));
  }

  // The service is there: says so and gives the stream, with what came after the request.
  std::unique_ptr<ByteStream> take() {
    if (socks_) {
      stream_->write(render_socks_reply(SocksReply::kSucceeded));
    } else {
      stream_->write(view(kConnected));
    }
    stream_->hand_over(head_);
    return std::move(stream_);
  }

  // One answer for every target that cannot be had.
  void refuse() {
    if (socks_) {
      last_words(text(render_socks_reply(SocksReply::kUnreachable)));
    } else {
      last_words(http_answer(502));
    }
  }

 private:
  void read(ByteView bytes) {
    if (!events_.asked) return;
    append(head_, bytes);
    if (head_[0] == kSocksVersion) {
      read_socks();
    } else {
      read_http();
    }
  }

  void read_socks() {
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
    ask(request->value);
  }

  void read_http() {
    const auto head = runtime::parse_request_head(head_);
    if (!head) return reject(http_answer(400), Ending::kMalformed);
    if (head->size == 0) return;
    const auto target = connect_target(head->head);
    if (!target) {
      return reject(http_answer(target.error()),
                    target.error() == 403 ? Ending::kForeign : Ending::kMalformed);
    }
    forget(head->size);
    ask(*target);
  }

  void forget(std::size_t size) {
    head_.erase(head_.begin(), head_.begin() + static_cast<std::ptrdiff_t>(size));
  }

  void ask(Target target) {
    timer_.cancel();
    stream_->pause();
    if (const auto asked = std::exchange(events_.asked, nullptr)) asked(std::move(target));
  }

  void reject(const std::string_view answer, Ending ending) {
    last_words(answer);
    end(ending);
  }
  void last_words(std::string_view answer) {
    stream_->write(view(answer));
    stream_->hand_over({});
    runtime::linger(loop_, std::move(stream_));
  }
  void end(Ending ending) {
    timer_.cancel();
    events_.asked = nullptr;
    if (const auto ended = std::exchange(events_.ended, nullptr)) ended(ending);
  }

  runtime::Loop& loop_;
  std::unique_ptr<runtime::ReplayStream> stream_;
  runtime::Timer timer_;
  Events events_;
  Bytes head_;  // at most a read past the limits of its parsers
  bool socks_ = false;
  bool greeted_ = false;
};

class Proxy::Impl : public std::enable_shared_from_this<Proxy::Impl> {
 public:
  Impl(runtime::Loop& loop, Dialer dialer, OwnerCheck owner)
      : loop_(loop), dialer_(std::move(dialer)), owner_(std::move(owner)), tunnels_(loop) {}

  Status listen(const Endpoint& at) {
    if (!at.address.is_loopback()) {
      return fail(ErrorCode::kInvalid,
                  "the proxy listens on loopback only, not on " + format(at.address));
    }
    auto listener = runtime::TcpListener::open(
        loop_, at, [this](std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer) {
          accept(std::move(stream), peer);
        });
    if (!listener) return fail_with(listener.error());
    listener_ = std::move(*listener);
    return {};
  }

  Endpoint local_endpoint() const { return listener_->local_endpoint(); }
  ProxyCounters counters() const {
    auto now = counters_;
    now.clients = clients_.size() + tunnels_.size();
    return now;
  }

  Refusals refusals(std::uint64_t after) const {
    Refusals out{last_refusal_, {}};
    const auto fresh =
        std::min<std::uint64_t>(last_refusal_ - std::min(after, last_refusal_), refused_.size());
    out.names.assign(refused_.end() - static_cast<std::ptrdiff_t>(fresh), refused_.end());
    return out;
  }

 private:
  using Ending = ProxyClient::Ending;

  void accept(std::unique_ptr<runtime::TcpStream> stream, const Endpoint& peer) {
    ++counters_.accepted;
    if (clients_.size() + tunnels_.size() >= kMaxProxyClients) {
      ++counters_.full;
      return;
    }
    if (!owner_(peer, local_endpoint())) {
      ++counters_.foreign;
      return;
    }
    const auto id = next_id_++;
    ProxyClient::Events events;
    events.asked = [this, id](const Target& target) { dial(id, target); };
    events.ended = [this, id](Ending ending) {
      if (ending == Ending::kMalformed) ++counters_.malformed;
      if (ending == Ending::kForeign) ++counters_.foreign;
      forget(id);
    };
    auto client = std::make_shared<ProxyClient>(loop_, std::move(stream), std::move(events));
    clients_.emplace(id, client);
    client->start();
  }

  void dial(std::uint64_t id, const Target& target) {
    auto dialed = [weak = weak_from_this(), id,
                   host = target.host](Result<std::unique_ptr<ByteStream>> service) {
      const auto self = weak.lock();
      if (!self) return;
      if (!service) self->remember_refusal(host);
      self->answer(id, std::move(service));
    };
    if (target.host.empty()) return dialed(fail(ErrorCode::kNotFound, "no such name"));
    dialer_(target.host, target.port, std::move(dialed));
  }

  // Later, so that a refusal that is known at once takes the same path as any other.
  void answer(std::uint64_t id, Result<std::unique_ptr<ByteStream>> service) {
    auto held = std::make_shared<Result<std::unique_ptr<ByteStream>>>(std::move(service));
    loop_.defer([weak = weak_from_this(), id, held] {
      if (const auto self = weak.lock()) self->answer_now(id, std::move(*held));
    });
  }
  void answer_now(std::uint64_t id, Result<std::unique_ptr<ByteStream>> service) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;  // gone meanwhile
    const auto client = found->second;
    forget(id);
    if (service) {
      ++counters_.opened;
      tunnels_.add(client->take(), std::move(*service));
    } else {
      ++counters_.refused;
      client->refuse();
    }
  }

  void remember_refusal(const std::string& host) {
    if (host.empty()) return;
    if (refused_.size() == kMaxRefusals) refused_.pop_front();
    refused_.push_back(host);
    ++last_refusal_;
  }

  void forget(std::uint64_t id) {  // destroyed later: it may be running
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    loop_.defer([client = found->second] {});
    clients_.erase(found);
  }

  runtime::Loop& loop_;
  Dialer dialer_;
  OwnerCheck owner_;
  ProxyCounters counters_;
  std::uint64_t next_id_ = 0;
  std::deque<std::string> refused_;  // the newest has the number last_refusal_
  std::uint64_t last_refusal_ = 0;
  Tunnels tunnels_;
  std::map<std::uint64_t, std::shared_ptr<ProxyClient>> clients_;
  std::unique_ptr<runtime::TcpListener> listener_;
};

Result<std::unique_ptr<Proxy>> Proxy::open(runtime::Loop& loop, const Endpoint& listen,
                                           Dialer dialer, OwnerCheck owner) {
  auto impl = std::make_shared<Impl>(loop, std::move(dialer), std::move(owner));
  if (const auto listening = impl->listen(listen); !listening) return fail_with(listening.error());
  return std::unique_ptr<Proxy>(new Proxy(std::move(impl)));
}

Proxy::Proxy(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Proxy::~Proxy() = default;

Endpoint Proxy::local_endpoint() const { return impl_->local_endpoint(); }
ProxyCounters Proxy::counters() const { return impl_->counters(); }
Refusals Proxy::refusals(std::uint64_t after) const { return impl_->refusals(after); }

}  // namespace culvert::local
