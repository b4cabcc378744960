#include "agent/terminator/flow.hpp"

#include "agent/terminator/address_rules.hpp"

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
  if (splice_) return splice_->last_byte();
  return http_ ? http_->last_byte() : begun_;
}

bool ServiceState::serves(std::string_view name) const {
  if (name == config.fqdn) return true;
  if (!config.http) return false;
  const auto host = http::host_of(name, config.fqdn);
  return host && config.http->routes->has_host(*host);
}

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
  const auto& context = service_->http_targets ? host_->http_tls : host_->tls;
  auto tls =
      TlsStream::server(host_->loop, context, std::move(stream), [weak](std::string_view name) {
        const auto self = weak.lock();
        return self ? self->choose(name)
                    : Result<crypto::TlsIdentity>(fail(ErrorCode::kInternal, "the flow has ended"));
      });
  tls->on_handshake([weak](const TlsInfo&) {
    const auto self = weak.lock();
    if (!self || self->over_) return;
    self->client_ready_ = true;
    self->client_->hand_over({});
    if (self->service_->http_targets) return self->begin_http();
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

Result<crypto::TlsIdentity> Flow::choose(std::string_view server_name) {
  tls_name_ = server_name.empty() ? fqdn() : std::string(server_name);
  if (!service_->serves(tls_name_)) {
    ++host_->counters.foreign_name;
    return fail(ErrorCode::kNotFound, "another server name");
  }
  if (auto allowed = authorize(); !allowed) return fail_with(allowed.error());
  if (over_) return fail(ErrorCode::kDenied, "cut meanwhile");
  if (!service_->http_targets) connect_upstream();
  return host_->identity(*service_, tls_name_);
}

Status Flow::authorize() {
  auto allowed = host_->authorize(peer_, fqdn());
  if (!allowed) {
    ++host_->counters.denied;
    return fail(ErrorCode::kDenied, "denied");  // the same text for every reason
  }
  admission_ = std::move(*allowed);
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

void Flow::begin_http() {
  const HttpService& service = *service_->config.http;
  http::SessionOptions options;
  options.routes = service.routes;
  options.service = fqdn();
  options.tls_name = tls_name_;
  options.client = format(peer_);
  options.who = admission_.who;
  options.log = service.log;
  options.response_time = service.response_time;
  http_ = std::make_shared<HttpConnection>(host_->loop, std::move(options), service_->http_targets,
                                           std::move(client_),
                                           [weak = weak_from_this()](const std::string& reason) {
                                             const auto self = weak.lock();
                                             if (!self) return;
                                             if (reason == "finished")
                                               ++self->host_->counters.finished;
                                             self->end(reason);
                                           });
  http_->start();
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
      return;  // not reached: a flow never calls cut()
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
  } else if (http_) {
    http_->close(reason);  // writes the last access log line before the audit entry
    report.from_client = http_->from_client();
    report.to_client = http_->to_client();
  }
  const auto tell = std::move(admission_.closed);
  abandon();
  if (authorized_ && tell) tell(report);
  host_->ended(peer_, id_);
}

void Flow::abandon() {
  over_ = true;
  admission_.closed = nullptr;
  connect_.reset();
  splice_.reset();
  if (http_) http_->close("abandoned");
  if (client_) client_->close();
  if (upstream_) upstream_->close();
}

}  // namespace culvert::terminator
