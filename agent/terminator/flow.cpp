#include "agent/terminator/flow.hpp"

#include "agent/terminator/address_rules.hpp"

namespace culvert::terminator {
using namespace runtime;

Flow::Flow(std::shared_ptr<FlowHost> host, std::shared_ptr<ServiceState> service, std::uint64_t id,
           const IpAddress& peer)
    : host_(std::move(host)), service_(std::move(service)), id_(id), peer_(peer) {}

void Flow::begin(std::unique_ptr<ByteStream> stream) {
  if (service_->config.mode == Mode::kTls) {
    begin_tls(std::move(stream));
    return;
  }
  client_ = std::make_unique<ReplayStream>(host_->loop, std::move(stream));
  client_ready_ = true;
  if (!authorize()) {
    end("denied");
    return;
  }
  connect_upstream();
}

void Flow::begin_tls(std::unique_ptr<ByteStream> stream) {
  const auto weak = weak_from_this();
  auto tls =
      TlsStream::server(host_->loop, host_->tls, std::move(stream), [weak](std::string_view name) {
        const auto self = weak.lock();
        return self ? self->choose(name)
                    : Result<TlsIdentity>(fail(ErrorCode::kInternal, "the flow has ended"));
      });
  tls->on_handshake([weak](const TlsInfo&) {
    const auto self = weak.lock();
    if (!self || self->over_) return;
    self->client_ready_ = true;
    self->client_->hand_over({});
    self->join_when_ready();
  });
  client_ = std::make_unique<ReplayStream>(host_->loop, std::move(tls));
  StreamEvents events;
  events.closed = [weak](const Error& why) {  // the handshake failed
    const auto self = weak.lock();
    if (!self) return;
    ++self->host_->counters.handshake_failed;
    self->end("handshake: " + why.message);
  };
  client_->start(std::move(events));
}

Result<TlsIdentity> Flow::choose(std::string_view server_name) {
  if (!server_name.empty() && server_name != fqdn()) {
    ++host_->counters.foreign_name;
    return fail(ErrorCode::kNotFound, "another server name");
  }
  if (auto allowed = authorize(); !allowed) return fail_with(allowed.error());
  if (over_) return fail(ErrorCode::kDenied, "cut meanwhile");
  connect_upstream();
  return host_->identity(*service_);
}

Status Flow::authorize() {
  auto allowed = host_->authorize(peer_, fqdn());
  if (!allowed) {
    ++host_->counters.denied;
    return fail(ErrorCode::kDenied, "denied");  // whatever the reason: all look the same
  }
  closed_ = std::move(*allowed);
  authorized_ = true;
  return {};
}

void Flow::connect_upstream() {
  ConnectOptions options;
  options.allowed = [host = service_->config.upstream.host](const IpAddress& address) {
    return may_connect(host, address);
  };
  connect_ = std::make_unique<StreamConnect>(
      host_->loop, service_->config.upstream, service_->upstream_tls, std::move(options),
      [weak = weak_from_this()](Result<std::unique_ptr<ByteStream>> stream) {
        const auto self = weak.lock();
        if (!self || self->over_) return;
        self->connect_.reset();
        if (!stream) {
          ++self->host_->counters.upstream_failed;
          self->end("upstream: " + stream.error().message);
          return;
        }
        self->upstream_ = std::move(*stream);
        self->join_when_ready();
      });
}

void Flow::join_when_ready() {
  if (!client_ready_ || !upstream_) return;
  SpliceOptions options;
  options.idle = service_->config.idle;
  options.done = [weak = weak_from_this()](const SpliceReport& report) {
    if (const auto self = weak.lock()) self->spliced(report);
  };
  splice_ = splice(host_->loop, std::move(client_), std::move(upstream_), std::move(options));
}

void Flow::spliced(const SpliceReport& report) {
  switch (report.end) {
    case SpliceEnd::kFinished:
      ++host_->counters.finished;
      return end("finished");
    case SpliceEnd::kIdle:
      return end("idle");
    case SpliceEnd::kBroken:
      return end("broken: " + report.error.message);
    case SpliceEnd::kCut:
      return;  // never cut() here
  }
}

void Flow::end(const std::string& reason) {
  if (over_) return;
  const auto held = shared_from_this();
  FlowEnd report;
  report.reason = reason;
  if (splice_) {
    report.from_client = splice_->a_to_b();
    report.to_client = splice_->b_to_a();
  }
  const auto tell = std::move(closed_);
  abandon();
  if (authorized_ && tell) tell(report);
  host_->ended(id_);
}

void Flow::abandon() {
  over_ = true;
  closed_ = nullptr;
  connect_.reset();
  splice_.reset();
  if (client_) client_->close();
  if (upstream_) upstream_->close();
}

}  // namespace culvert::terminator
