#include "relay/shell/front.hpp"

#include <algorithm>
#include <array>

#include "proto/runtime/stream/websocket.hpp"

namespace culvert::relay {
namespace {

using http::HttpHeaders;
using http::RequestHead;
using runtime::HttpAcceptor;

constexpr std::string_view kDerpText =
    "This is a Culvert relay. It speaks DERP: GET /derp with Upgrade: DERP, or a WebSocket.\n";

std::string_view path_of(const RequestHead& request) {
  return std::string_view(request.target).substr(0, request.target.find('?'));
}

// A challenge that may be sent back: at most 64 characters, only these, as stock relays do.
bool plain_challenge(std::string_view challenge) {
  return !challenge.empty() && challenge.size() <= 64 &&
         std::all_of(challenge.begin(), challenge.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_';
         });
}

HttpHeaders no_content_headers(const RequestHead& request) {
  HttpHeaders headers{{"Cache-Control", "no-store"}};
  const auto challenge = request.headers.one("X-Tailscale-Challenge");
  if (plain_challenge(challenge)) {
    headers.add("X-Tailscale-Response", "response " + std::string(challenge));
  }
  return headers;
}

}  // namespace

Front::Front(runtime::Loop& loop, Rng& rng, FrontOptions options, FrontCalls calls)
    : loop_(loop), rng_(rng), options_(options), calls_(std::move(calls)) {}

void Front::accept(std::unique_ptr<runtime::ByteStream> stream, Door door) {
  const auto id = next_++;
  pending_[id] = std::make_unique<HttpAcceptor>(loop_, std::move(stream),
                                                [this, id, door](Result<RequestHead> request) {
                                                  const auto http = std::move(pending_[id]);
                                                  pending_.erase(id);
                                                  if (!request) {
                                                    ++refused_;
                                                  } else {
                                                    handle(*http, *request, door);
                                                  }
                                                });
}

void Front::handle(HttpAcceptor& http, const RequestHead& request, Door door) {
  const HttpHeaders plain{{"Content-Type", "text/plain; charset=utf-8"}};
  const auto path = path_of(request);
  const bool head = request.method == "HEAD";
  const auto answer = [&](int status, std::string_view body) {
    http.answer(status, plain, head ? std::string_view() : body);
  };
  if (request.method != "GET" && !head) return answer(405, "only GET\n");
  if (path == derp::kPath && !head) return upgrade(http, request);
  if (path == "/generate_204") return http.answer(204, no_content_headers(request), "");
  if (path == "/derp/probe" || path == "/derp/latency-check") {
    return http.answer(200, {{"Access-Control-Allow-Origin", "*"}}, "");
  }
  if (path == "/healthz") return answer(200, "ok\n");
  if (path == "/readyz") {
    return calls_.ready() ? answer(200, "ready\n") : answer(503, "not admitting clients\n");
  }
  if (path == "/metrics" && door == Door::kMetrics) {
    return http.answer(200, {{"Content-Type", "text/plain; version=0.0.4"}}, calls_.metrics());
  }
  if (path == "/") return answer(200, kDerpText);
  answer(404, "no such page\n");
}

void Front::upgrade(HttpAcceptor& http, const RequestHead& request) {
  const auto& headers = request.headers;
  if (runtime::is_websocket_upgrade(request)) {
    auto accepted = runtime::websocket_accept(request, derp::kWebSocketProtocol);
    if (!accepted) return http.answer(400, {}, accepted.error().message + "\n");
    return calls_.upgraded(runtime::websocket_byte_stream(
        loop_, rng_, runtime::WebSocketRole::kServer, http.upgrade(*accepted)));
  }
  if (!headers.has_token("Upgrade", derp::kUpgrade)) {
    return http.answer(426, {{"Upgrade", std::string(derp::kUpgrade)}}, kDerpText);
  }
  if (options_.fast_start && headers.one("Derp-Fast-Start") == "1") {
    return calls_.upgraded(http.release());
  }
  calls_.upgraded(
      http.upgrade({{"Upgrade", std::string(derp::kUpgrade)},
                    {std::string(derp::kVersionHeader), std::to_string(derp::kProtocolVersion)},
                    {std::string(derp::kKeyHeader), options_.key.hex()}}));
}

}  // namespace culvert::relay
