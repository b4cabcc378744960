#include "agent/shell/lease_link.hpp"

#include <utility>

#include "proto/core/host_port.hpp"

namespace culvert::agent {
namespace {

constexpr Duration kLeaseConnect = 3s;  // a third of the shortest lease's length or less
constexpr std::size_t kMaxReason = 200;

Result<std::shared_ptr<runtime::TlsClientContext>> context_for(const http::Url& url) {
  if (!url.tls) return std::shared_ptr<runtime::TlsClientContext>();
  runtime::TlsClientOptions options;
  options.verify = runtime::TlsVerify::kNone;  // the answer is signed
  options.server_name = url.host;
  return runtime::TlsClientContext::make(std::move(options));
}

}  // namespace

http::RequestHead post_head(const http::Url& url, std::size_t length) {
  http::RequestHead head{"POST", url.target, {}};
  head.headers.add("Host", host_field({url.host, url.port}, url.tls ? 443 : 80));
  head.headers.add("Content-Type", "text/plain");
  head.headers.add("Content-Length", std::to_string(length));
  return head;
}

Result<std::string> posted(Result<runtime::HttpAnswer> answer) {
  if (!answer) return fail_with(answer.error());
  std::string body(text(answer->body));
  if (answer->head.status == 200 || answer->head.status == 204) return body;
  std::string reason;
  for (const char c : body.substr(0, kMaxReason)) {
    if (c == '\n') break;
    reason += c >= 0x20 && c < 0x7F ? c : '?';
  }
  return fail(answer->head.status == 409 ? ErrorCode::kStale : ErrorCode::kDenied,
              "the lease server answered " + std::to_string(answer->head.status) + ": " + reason);
}

LeaseLink::LeaseLink(runtime::Loop& loop, Answered answered)
    : loop_(loop), answered_(std::move(answered)) {}

void LeaseLink::ask(const AskLease& what) {
  asking_.reset();
  connecting_.reset();
  body_ = what.body;
  ++number_;
  auto url = http::parse_url(what.url);
  auto tls = url ? context_for(*url) : fail_with(url.error());
  if (!tls) {
    loop_.defer([this, number = number_, error = tls.error()] {
      if (number == number_) finish(fail_with(error));
    });
    return;
  }
  url_ = std::move(*url);
  runtime::ConnectOptions options;
  options.timeout = kLeaseConnect;
  connecting_ = std::make_unique<runtime::StreamConnect>(
      loop_, HostPort{url_.host, url_.port}, std::move(*tls), std::move(options),
      [this](Result<std::unique_ptr<runtime::ByteStream>> stream) {
        connected(std::move(stream));
      });
}

void LeaseLink::connected(Result<std::unique_ptr<runtime::ByteStream>> stream) {
  const auto done = std::move(connecting_);
  if (!stream) return finish(fail_with(stream.error()));
  asking_ = std::make_unique<runtime::HttpGet>(
      loop_, std::move(*stream), post_head(url_, body_.size()),
      [this](Result<runtime::HttpAnswer> answer) { got(std::move(answer)); }, body_);
}

void LeaseLink::got(Result<runtime::HttpAnswer> answer) {
  const auto done = std::move(asking_);
  finish(posted(std::move(answer)));
}

void LeaseLink::finish(const Result<std::string>& answer) { answered_(answer); }

}  // namespace culvert::agent
