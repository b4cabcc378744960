#include "agent/terminator/flow.hpp"

#include "proto/core/overloaded.hpp"

namespace culvert::terminator {
using namespace runtime;

Flow::Flow(std::shared_ptr<FlowHost> host, std::shared_ptr<ServiceState> service, std::uint64_t id,
           const IpAddress& peer)
    : host_(std::move(host)),
      service_(std::move(service)),
      id_(id),
      peer_(peer),
      begun_(host_->loop.now().steady) {}

Instant Flow::last_byte() const {
  const auto* handled = std::get_if<Handled>(&state_);
  if (handled == nullptr) return begun_;
  return std::visit([](const auto& handler) { return handler->traffic().last_byte; },
                    handled->handler);
}

void Flow::begin(std::unique_ptr<ByteStream> stream) {
  if (service_->service->mode == Mode::kTls) return begin_tls(std::move(stream));
  std::get<Authorizing>(state_).client =
      std::make_unique<ReplayStream>(host_->loop, std::move(stream));
  if (!authorize("")) return end("denied");
  handle_client_ready();
}

void Flow::begin_tls(std::unique_ptr<ByteStream> stream) {
  const auto weak = weak_from_this();
  auto tls = TlsStream::server(
      host_->loop, service_->tls, std::move(stream), [weak](std::string_view name) {
        const auto self = weak.lock();
        return self ? self->choose(name)
                    : Result<crypto::TlsIdentity>(fail(ErrorCode::kInternal, "the flow has ended"));
      });
  tls->on_handshake([weak](const TlsInfo&) {
    if (const auto self = weak.lock()) self->handle_client_ready();
  });
  auto client = std::make_unique<ReplayStream>(host_->loop, std::move(tls));
  StreamEvents events;
  events.closed = [weak](const runtime::Closing& why) {  // the handshake failed
    const auto self = weak.lock();
    if (!self) return;
    ++self->host_->counters.handshake_failed;
    self->end("handshake: " + error_of(why, "the connection was closed").message);
  };
  client->start(std::move(events));
  std::get<Authorizing>(state_).client = std::move(client);
}

Result<crypto::TlsIdentity> Flow::choose(std::string_view server_name) {
  const std::string name = server_name.empty() ? fqdn() : std::string(server_name);
  if (!service_->service->serves(name)) {
    ++host_->counters.foreign_name;
    return fail(ErrorCode::kNotFound, "another server name");
  }
  if (auto allowed = authorize(name); !allowed) return fail_with(allowed.error());
  return host_->identity(*service_, name);
}

// Authorizing → Connecting. The audit entry is durable before anything is connected.
Status Flow::authorize(const std::string& tls_name) {
  auto allowed = host_->authorize(peer_, fqdn());
  if (!allowed) {
    ++host_->counters.denied;
    return fail(ErrorCode::kDenied, "denied");  // the same text for every reason
  }
  auto* authorizing = std::get_if<Authorizing>(&state_);
  if (authorizing == nullptr) return fail(ErrorCode::kDenied, "cut meanwhile");
  closed_ = std::move(allowed->closed);
  Handling handling{host_->loop, service_->service, service_->targets, std::move(allowed->who),
                    peer_,       tls_name};
  HandlerEvents events;
  events.ready = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->handle_handler_ready();
  };
  events.ended = [weak = weak_from_this()](HandlerEnd how, const std::string& reason) {
    if (const auto self = weak.lock()) self->handler_ended(how, reason);
  };
  const Handler handler = make_handler(std::move(handling), std::move(events));
  state_ = Connecting{std::move(authorizing->client), handler};
  std::visit([](const auto& made) { made->connect(); }, handler);
  return {};
}

void Flow::handle_client_ready() {
  auto* connecting = std::get_if<Connecting>(&state_);
  if (connecting == nullptr) return;
  connecting->client_ready = true;
  if (service_->service->mode == Mode::kTls) connecting->client->hand_over({});
  handle_when_ready(*connecting);
}

void Flow::handle_handler_ready() {
  auto* connecting = std::get_if<Connecting>(&state_);
  if (connecting == nullptr) return;
  connecting->handler_ready = true;
  handle_when_ready(*connecting);
}

// Connecting → Handled.
void Flow::handle_when_ready(Connecting& connecting) {
  if (!connecting.client_ready || !connecting.handler_ready) return;
  const Handler handler = connecting.handler;
  auto client = std::move(connecting.client);
  state_ = Handled{handler};
  std::visit([&](const auto& ready) { ready->begin(std::move(client)); }, handler);
}

void Flow::handler_ended(HandlerEnd how, const std::string& reason) {
  if (std::holds_alternative<Closed>(state_)) return;
  switch (how) {
    case HandlerEnd::kFinished:
      ++host_->counters.finished;
      break;
    case HandlerEnd::kUpstreamFailed:
      ++host_->counters.upstream_failed;
      break;
    case HandlerEnd::kOther:
      break;
  }
  end(reason);
}

void Flow::end(const std::string& reason) {
  if (std::holds_alternative<Closed>(state_)) return;
  const auto held = shared_from_this();
  const Traffic traffic = close(reason);
  if (const auto tell = std::exchange(closed_, nullptr)) {
    tell({traffic.from_client, traffic.to_client, reason});
  }
  host_->ended(peer_, id_);
}

void Flow::abandon() {
  closed_ = nullptr;
  close("abandoned");
}

// Any state → Closed. Closes what the state holds.
Traffic Flow::close(const std::string& reason) {
  const State last = std::exchange(state_, Closed{});
  const auto close_handler = [&](const Handler& handler) {
    return std::visit(
        [&](const auto& one) {
          one->close(reason);
          return one->traffic();
        },
        handler);
  };
  return std::visit(overloaded{[](const Authorizing& state) {
                                 if (state.client) state.client->close();
                                 return Traffic{};
                               },
                               [&](const Connecting& state) {
                                 state.client->close();
                                 return close_handler(state.handler);
                               },
                               [&](const Handled& state) { return close_handler(state.handler); },
                               [](const Closed&) { return Traffic{}; }},
                    last);
}

}  // namespace culvert::terminator
