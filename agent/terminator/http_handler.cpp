#include "agent/terminator/http_handler.hpp"

#include <algorithm>

namespace culvert::terminator {
using namespace runtime;

namespace {

// How long a slow client or upstream may take to read the last bytes of an exchange or a tunnel (at
// most kHighWater and one read) once nothing else keeps the connection. The flow may have ended.
constexpr Duration kLastBytesTime = 60s;

http::SessionOptions session_options(const Handling& handling, const HttpRoutes& http) {
  http::SessionOptions out;
  out.routes = http.routes;
  out.service = handling.service->fqdn;
  out.tls_name = handling.tls_name;
  out.client = format(handling.peer);
  out.who = handling.who;
  out.log = http.log;
  out.response_time = http.response_time;
  return out;
}

}  // namespace

HttpHandler::HttpHandler(const Handling& handling, const HttpRoutes& routes, HandlerEvents events)
    : loop_(handling.loop),
      options_(session_options(handling, routes)),
      targets_(handling.targets),
      events_(std::move(events)),
      timer_(loop_, [this] {
        const auto held = shared_from_this();
        session_->handle_timeout(now());
        apply();
      }) {
  traffic_.last_byte = now().steady;
}

template <class Handle>
auto HttpHandler::while_there(Handle handle) {
  return [weak = weak_from_this(), handle](auto&&... what) {
    const auto self = weak.lock();
    if (!self || !self->client_) return;
    handle(*self, std::forward<decltype(what)>(what)...);
    self->apply();
  };
}

void HttpHandler::connect() {
  const auto ready = events_.ready;
  ready();
}

void HttpHandler::begin(std::unique_ptr<ReplayStream> client) {
  session_.emplace(std::move(options_), now());
  client_ = std::move(client);
  StreamEvents events;
  events.data = while_there([](HttpHandler& self, ByteView bytes) {
    self.traffic_.from_client += bytes.size();
    self.traffic_.last_byte = self.now().steady;
    self.session_->handle_client(self.now(), bytes);
  });
  events.end = while_there([](HttpHandler& self) { self.session_->handle_client_end(self.now()); });
  events.drained =
      while_there([](HttpHandler& self) { self.session_->handle_progress(self.now()); });
  events.closed = while_there([](HttpHandler& self, const runtime::Closing& why) {
    self.session_->abandon(self.now(), why ? "client: " + why->message : "the client closed");
  });
  client_->start(std::move(events));
  timer_.arm_at(session_->next_deadline());
}

void HttpHandler::connect_upstream(http::UpstreamId id, std::size_t index) {
  upstreams_[id].connect = terminator::connect(
      loop_, (*targets_)[index],
      while_there([id](HttpHandler& self, Result<std::unique_ptr<ByteStream>> stream) {
        if (stream) {
          self.start_upstream(id, std::move(*stream));
          self.session_->handle_connected(self.now(), id);
        } else {
          self.session_->handle_upstream_lost(self.now(), id, stream.error().message);
        }
      }));
}

void HttpHandler::start_upstream(http::UpstreamId id, std::unique_ptr<ByteStream> stream) {
  StreamEvents events;
  events.data = while_there([id](HttpHandler& self, ByteView bytes) {
    self.session_->handle_upstream(self.now(), id, bytes);
  });
  events.end =
      while_there([id](HttpHandler& self) { self.session_->handle_upstream_end(self.now(), id); });
  events.drained =
      while_there([](HttpHandler& self) { self.session_->handle_progress(self.now()); });
  events.closed = while_there([id](HttpHandler& self, const runtime::Closing& why) {
    if (why) {
      self.session_->handle_upstream_lost(self.now(), id, why->message);
    } else {
      self.session_->handle_upstream_end(self.now(), id);
    }
  });
  Upstream& upstream = upstreams_[id];
  upstream.connect.reset();
  upstream.stream = std::make_unique<ReplayStream>(loop_, std::move(stream));
  upstream.stream->start(std::move(events));
}

// Carries out the session's Effects, in their order.
void HttpHandler::apply() {
  if (!client_) return;
  http::Effects effects;
  session_->drain(effects);
  for (const auto& effect : effects.upstreams) apply_to_upstream(effect);
  if (!effects.to_client.empty()) {
    traffic_.to_client += effects.to_client.size();
    traffic_.last_byte = now().steady;
    client_->write(effects.to_client);
  }
  if (effects.finish_client) client_->finish();
  if (effects.end) return end(*effects.end);
  balance();
  timer_.arm_at(session_->next_deadline());
}

void HttpHandler::apply_to_upstream(const http::UpstreamEffect& effect) {
  if (effect.connect) connect_upstream(effect.upstream, *effect.connect);
  const auto found = upstreams_.find(effect.upstream);
  if (found == upstreams_.end()) return;
  auto& stream = found->second.stream;
  if (stream && !effect.bytes.empty()) stream->write(effect.bytes);
  if (stream && effect.finish) stream->finish();
  if (!effect.close) return;
  if (stream && effect.gently && stream->unsent() > 0) {
    stream->hand_over({});
    linger(loop_, std::move(stream), kLastBytesTime);
  }
  upstreams_.erase(found);
}

// Pauses a side while the other side has too many unsent bytes.
void HttpHandler::balance() {
  const bool upstream_full =
      std::any_of(upstreams_.begin(), upstreams_.end(), [](const auto& entry) {
        return entry.second.stream && entry.second.stream->unsent() > kHighWater;
      });
  const bool pause_client = upstream_full || !session_->wants_client();
  if (std::exchange(client_paused_, pause_client) != pause_client) {
    pause_client ? client_->pause() : client_->resume();
  }
  const bool pause_upstreams = client_->unsent() > kHighWater;
  for (auto& [id, upstream] : upstreams_) {
    if (!upstream.stream || upstream.paused == pause_upstreams) continue;
    upstream.paused = pause_upstreams;
    pause_upstreams ? upstream.stream->pause() : upstream.stream->resume();
  }
}

void HttpHandler::end(const http::End& how) {
  const auto held = shared_from_this();
  timer_.cancel();
  upstreams_.clear();
  auto client = std::move(client_);
  if (how.at_once) {
    client->close();
  } else {
    const Duration limit = client->unsent() > 0 ? kLastBytesTime : kLingerTime;
    client->hand_over({});
    linger(loop_, std::move(client), limit);
  }
  const auto ended = std::move(events_.ended);
  if (!ended) return;
  const bool finished = how.kind == http::EndKind::kFinished;
  ended(finished ? HandlerEnd::kFinished : HandlerEnd::kOther, how.reason);
}

void HttpHandler::close(const std::string& reason) {
  events_.ended = nullptr;
  if (!client_) return;
  session_->abandon(now(), reason);
  apply();
}

}  // namespace culvert::terminator
