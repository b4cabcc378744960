#include "agent/terminator/http_connection.hpp"

#include "agent/terminator/address_rules.hpp"

namespace culvert::terminator {
using namespace runtime;

namespace {

// How long a slow client may take to read the last bytes of an answer (at most kHighWater and one
// read).
constexpr Duration kLastBytesTime = 60s;

}  // namespace

HttpConnection::HttpConnection(Loop& loop, http::SessionOptions options,
                               std::shared_ptr<const std::vector<HttpTarget>> targets,
                               std::unique_ptr<ReplayStream> client, Ended ended)
    : loop_(loop),
      session_(std::move(options), loop.now()),
      targets_(std::move(targets)),
      client_(std::move(client)),
      timer_(loop,
             [this] {
               const auto held = shared_from_this();
               session_.handle_timeout(now());
               apply();
             }),
      ended_(std::move(ended)) {}

template <class Handle>
auto HttpConnection::while_there(Handle handle) {
  return [weak = weak_from_this(), handle](auto&&... what) {
    const auto self = weak.lock();
    if (!self || !self->client_) return;
    handle(*self, std::forward<decltype(what)>(what)...);
    self->apply();
  };
}

void HttpConnection::start() {
  StreamEvents events;
  events.data = while_there([](HttpConnection& self, ByteView bytes) {
    self.from_client_ += bytes.size();
    self.last_byte_ = self.now().steady;
    self.session_.handle_client(self.now(), bytes);
  });
  events.end =
      while_there([](HttpConnection& self) { self.session_.handle_client_end(self.now()); });
  events.drained =
      while_there([](HttpConnection& self) { self.session_.handle_progress(self.now()); });
  events.closed = while_there([](HttpConnection& self, const Error& why) {
    self.session_.abandon(self.now(),
                          why.message.empty() ? "the client closed" : "client: " + why.message);
  });
  client_->start(std::move(events));
  timer_.arm_at(session_.next_deadline());
}

void HttpConnection::connect(std::size_t index) {
  const HttpTarget& target = (*targets_)[index];
  ConnectOptions options;
  options.allowed = [host = target.at.host](const IpAddress& address) {
    return may_connect(host, address);
  };
  connect_ = std::make_unique<StreamConnect>(
      loop_, target.at, target.tls, std::move(options),
      while_there([](HttpConnection& self, Result<std::unique_ptr<ByteStream>> stream) {
        self.connect_.reset();
        if (stream) {
          self.start_upstream(std::move(*stream));
          self.session_.handle_connected(self.now());
        } else {
          self.session_.handle_upstream_lost(self.now(), stream.error().message);
        }
      }));
}

void HttpConnection::start_upstream(std::unique_ptr<ByteStream> stream) {
  StreamEvents events;
  events.data = while_there([](HttpConnection& self, ByteView bytes) {
    self.session_.handle_upstream(self.now(), bytes);
  });
  events.end =
      while_there([](HttpConnection& self) { self.session_.handle_upstream_end(self.now()); });
  events.drained =
      while_there([](HttpConnection& self) { self.session_.handle_progress(self.now()); });
  events.closed = while_there([](HttpConnection& self, const Error& why) {
    if (why.message.empty()) {
      self.session_.handle_upstream_end(self.now());
    } else {
      self.session_.handle_upstream_lost(self.now(), why.message);
    }
  });
  upstream_ = std::move(stream);
  upstream_paused_ = false;
  upstream_->start(std::move(events));
}

// Carries out the session's Effects, in their order.
void HttpConnection::apply() {
  if (!client_) return;
  http::Effects effects;
  session_.drain(effects);
  if (upstream_ && !effects.to_upstream.empty()) upstream_->write(effects.to_upstream);
  if (upstream_ && effects.finish_upstream) upstream_->finish();
  if (effects.close_upstream) {
    connect_.reset();
    upstream_.reset();
  }
  if (effects.connect) connect(*effects.connect);
  to_client_ += effects.to_client.size();
  if (!effects.to_client.empty()) last_byte_ = now().steady;
  if (!effects.to_client.empty()) client_->write(effects.to_client);
  if (effects.finish_client) client_->finish();
  if (effects.end != http::Effects::End::kNo) return end_when_wanted(effects);
  balance();
  timer_.arm_at(session_.next_deadline());
}

// Pauses a side while the other side has too many unsent bytes.
void HttpConnection::balance() {
  const bool pause_client =
      !session_.wants_client() || (upstream_ && upstream_->unsent() > kHighWater);
  if (pause_client != client_paused_) {
    client_paused_ = pause_client;
    pause_client ? client_->pause() : client_->resume();
  }
  if (!upstream_) return;
  const bool pause_upstream = client_->unsent() > kHighWater;
  if (pause_upstream != upstream_paused_) {
    upstream_paused_ = pause_upstream;
    pause_upstream ? upstream_->pause() : upstream_->resume();
  }
}

void HttpConnection::end_when_wanted(const http::Effects& effects) {
  const auto held = shared_from_this();
  timer_.cancel();
  connect_.reset();
  upstream_.reset();
  auto client = std::move(client_);
  if (effects.end == http::Effects::End::kGently) {
    const Duration limit = client->unsent() > 0 ? kLastBytesTime : kLingerTime;
    client->hand_over({});
    linger(loop_, std::move(client), limit);
  } else {
    client->close();
  }
  if (const auto ended = std::move(ended_)) ended(effects.reason);
}

void HttpConnection::close(const std::string& reason) {
  if (!client_) return;
  ended_ = nullptr;
  session_.abandon(now(), reason);
  apply();
}

}  // namespace culvert::terminator
