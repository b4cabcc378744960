#include "agent/shell/links.hpp"

#include <algorithm>

#include "proto/core/host_port.hpp"
#include "proto/core/inside.hpp"
#include "proto/http/url.hpp"
#include "proto/runtime/stream/refill.hpp"

namespace culvert::agent {

using runtime::ByteStream;
using runtime::TlsClientContext;
using runtime::TlsClientOptions;
using runtime::TlsVerify;

namespace {

constexpr std::string_view kAllowHint =
    " (it is a private address, named only by the coordinator; next: \"allow_private_relays\": "
    "true "
    "in this program's configuration; a site's agent also follows a \"private:\" or \"relay:\" "
    "line "
    "of its policy, a laptop does not)";

std::string inside_refused(const IpAddress& address) {
  return "the relay's address " + format(address) + " is refused" + std::string(kAllowHint);
}

}  // namespace

http::RequestHead derp_upgrade(const RelayTarget& relay) {
  http::RequestHead request{"GET", "/derp", {}};
  request.headers.add("Host", host_field({relay.host, relay.port}, 443));
  request.headers.add("Upgrade", "DERP");
  request.headers.add("Connection", "Upgrade");
  return request;
}

ControlLink::ControlLink(runtime::Loop& loop, Rng& rng, LinkEvents events,
                         runtime::ProxyRules proxies)
    : loop_(loop), rng_(rng), events_(std::move(events)), proxies_(std::move(proxies)) {}

void ControlLink::open(const OpenControl& what) {
  id_ = what.id;
  stream_.reset();
  connecting_.reset();
  const auto late_failure = [this, id = what.id](std::string reason) {
    loop_.defer([this, id, reason = std::move(reason)] {
      if (id == id_) fail(reason);
    });
  };
  auto url = http::parse_url(what.url);
  if (!url) return late_failure(url.error().message);
  std::shared_ptr<TlsClientContext> tls;
  if (url->tls) {
    TlsClientOptions options;
    options.verify = TlsVerify::kNone;  // the Noise channel inside authenticates
    options.server_name = url->host;
    auto made = TlsClientContext::make(std::move(options));
    if (!made) return late_failure(made.error().message);
    tls = std::move(*made);
  }
  connecting_ = std::make_unique<runtime::WebSocketConnect>(
      loop_, rng_, *url, std::move(tls),
      [this](Result<std::unique_ptr<runtime::WebSocketStream>> stream) {
        connected(std::move(stream));
      },
      runtime::kConnectTimeout, url->tls ? proxies_.proxy_for({url->host, url->port}) : nullptr);
}

void ControlLink::connected(Result<std::unique_ptr<runtime::WebSocketStream>> stream) {
  connecting_.reset();
  if (!stream) return fail(stream.error().message);
  stream_ = std::move(*stream);
  runtime::WebSocketEvents events;
  events.message = [this, id = id_](ByteView message) { events_.bytes(id, message); };
  events.closed = [this](const runtime::Closing& why) {
    fail(runtime::error_of(why, "the coordinator closed the connection").message);
  };
  stream_->start(std::move(events));
  events_.opened(id_);
}

void ControlLink::fail(const std::string& reason) {
  const ConnectionId id = std::exchange(id_, 0);
  connecting_.reset();
  stream_.reset();
  if (id != 0) events_.closed(id, reason);
}

void ControlLink::send(const SendControl& what) {
  if (what.id == id_ && stream_) stream_->send(what.message);
}

void ControlLink::close(const CloseControl& what) {
  if (what.id != id_) return;
  id_ = 0;
  connecting_.reset();
  if (stream_) stream_->close();
  stream_.reset();
}

RelayLinks::RelayLinks(runtime::Loop& loop, LinkEvents events, Pull pull,
                       runtime::ProxyRules proxies, bool allow_private)
    : loop_(loop),
      events_(std::move(events)),
      pull_(std::move(pull)),
      proxies_(std::move(proxies)),
      allow_private_(allow_private) {}

void RelayLinks::open(const OpenRelay& what) {
  Link& link = links_[what.id];
  link.target = what.relay;
  TlsClientOptions options;
  options.server_name = what.relay.host;
  if (what.relay.certificate_sha256) {
    options.verify = TlsVerify::kPinned;
    options.pin = *what.relay.certificate_sha256;
  }
  const auto late_failure = [this, id = what.id](std::string reason) {
    loop_.defer([this, id, reason = std::move(reason)] { fail(id, reason); });
  };
  auto tls = TlsClientContext::make(std::move(options));
  if (!tls) return late_failure(tls.error().message);
  const HostPort to{what.relay.host, what.relay.port};
  auto proxy = proxies_.proxy_for(to);
  runtime::ConnectOptions connect;
  if (!allow_private_) {
    const auto literal = parse_address(to.host);
    if (literal && leads_inside(*literal, what.relay.inside))
      return late_failure(inside_refused(*literal));
    if (!proxy) {
      connect.allowed = [inside = what.relay.inside](const IpAddress& at) {
        return !leads_inside(at, inside);
      };
    }
  }
  link.connecting = std::make_unique<runtime::StreamConnect>(
      loop_, to, std::move(*tls), std::move(connect),
      [this, id = what.id](Result<std::unique_ptr<ByteStream>> stream) {
        if (!stream && stream.error().code == ErrorCode::kDenied && !allow_private_) {
          return fail(id, stream.error().message + std::string(kAllowHint));
        }
        connected(id, std::move(stream));
      },
      std::move(proxy));
}

void RelayLinks::connected(ConnectionId id, Result<std::unique_ptr<ByteStream>> stream) {
  const auto link = links_.find(id);
  if (link == links_.end()) return;
  link->second.connecting.reset();
  if (!stream) return fail(id, stream.error().message);
  link->second.upgrading = std::make_unique<runtime::HttpUpgrade>(
      loop_, std::move(*stream), derp_upgrade(link->second.target),
      [this, id](Result<runtime::Upgraded> answer) { upgraded(id, std::move(answer)); });
}

void RelayLinks::upgraded(ConnectionId id, Result<runtime::Upgraded> answer) {
  const auto link = links_.find(id);
  if (link == links_.end()) return;
  link->second.upgrading.reset();
  if (!answer) return fail(id, answer.error().message);
  link->second.stream = std::move(answer->stream);
  link->second.low_water = link->second.stream->hold_little();
  runtime::StreamEvents events;
  events.data = [this, id](ByteView bytes) { events_.bytes(id, bytes); };
  events.end = [this, id] { fail(id, "the relay closed the connection"); };
  events.drained = [this, id] { flush(id); };
  events.closed = [this, id](const runtime::Closing& why) {
    fail(id, runtime::error_of(why, "the relay closed the connection").message);
  };
  link->second.stream->start(std::move(events));
  events_.opened(id);
}

void RelayLinks::fail(ConnectionId id, const std::string& reason) {
  if (links_.erase(id) != 0) events_.closed(id, reason);
}

// The queues are the core's, which knows which frames are urgent and drops frames that have waited
// too long.
void RelayLinks::flush(ConnectionId id) {
  const auto link = links_.find(id);
  if (link == links_.end() || !link->second.stream) return;
  runtime::refill(*link->second.stream, link->second.low_water, buffer_,
                  [&](std::size_t room, Bytes& out) { pull_(id, room, out); });
}

void RelayLinks::close(const CloseRelay& what) { links_.erase(what.id); }

bool RelayLinks::flushed() const {
  return std::all_of(links_.begin(), links_.end(), [](const auto& each) {
    return !each.second.stream || each.second.stream->unsent() == 0;
  });
}

}  // namespace culvert::agent
