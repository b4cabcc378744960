// The upstream's side of a session: answers, tunnels, and errors of the upstream.
#include "agent/http/names.hpp"
#include "agent/http/session.hpp"

namespace culvert::http {
namespace {

// Idempotent methods (RFC 9110 §9.2.2): such a request may be sent again when it is not known
// whether it arrived.
bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
         method == "DELETE";
}

}  // namespace

void Session::handle_upstream(Now now, ByteView bytes) {
  if (over_ || !upstream_ || bytes.empty()) return;
  progress_ = now.steady;
  if (!exchange_ || !exchange_->head_sent) return drop_upstream();  // an answer to no request
  if (exchange_->tunnel) {
    exchange_->record.bytes_out += bytes.size();
    append(effects_.to_client, bytes);
    return;
  }
  up_.add(bytes);
  run(now);
}

void Session::pump_response(Now now) {
  while (exchange_ && !exchange_->tunnel) {
    if (!exchange_->response) {
      if (!read_response_head(now)) return;
      continue;
    }
    Exchange& exchange = *exchange_;
    const auto piece = exchange.response_body.take(up_.view());
    if (!piece) return bad_gateway(now, 502, piece.error().message);
    append_body(effects_.to_client, piece->data, exchange.rechunked);
    exchange.record.bytes_out += piece->data.size();
    up_.use(piece->used);
    if (exchange.response_body.done()) return finish_response(now);
    if (piece->used == 0) return;
  }
}

// Reads the head of an answer. False: more bytes are needed, or the session has ended.
bool Session::read_response_head(Now now) {
  Exchange& exchange = *exchange_;
  const auto size = response_head_.parse(up_.view());
  if (!size) return bad_gateway(now, 502, size.error().message), false;
  if (*size == 0) return false;
  up_.use(*size);
  auto response = read_response(response_head_.take(), exchange.request);
  if (!response) return bad_gateway(now, 502, response.error().message), false;
  if (response->status == 101) {
    if (!in_.empty()) return refuse(now, 400, "bytes before the upgrade was granted"), false;
    begin_tunnel(*response);
    return false;
  }
  if (response->status < 200) {
    if (++exchange.interim > kMaxInterim) {
      return bad_gateway(now, 502, "too many interim answers"), false;
    }
    if (response->status != 100 || exchange.request.expect_continue) {
      append(effects_.to_client, view(render_interim(*response)));
    }
    return true;
  }
  exchange.record.status = response->status;
  exchange.response_body = BodyReader(response->body);
  exchange.rechunked = response->body.kind == Framing::Kind::kChunked ||
                       response->body.kind == Framing::Kind::kUntilClose;
  // No request may follow after an upgrade that was not granted, or while the request's body is
  // still coming.
  exchange.last = (client_ended_ && in_.empty()) || !exchange.request.keep_alive ||
                  !exchange.request.upgrade.empty() || !exchange.request_body.done();
  append(effects_.to_client, view(render_response(*response, exchange.last, exchange.rechunked)));
  exchange.response = std::move(*response);
  return true;
}

void Session::begin_tunnel(const Response& response) {
  Exchange& exchange = *exchange_;
  append(effects_.to_client, view(render_switch(response, exchange.request.upgrade)));
  exchange.record.status = response.status;
  exchange.tunnel = true;
  exchange.record.bytes_out += up_.size();
  append(effects_.to_client, up_.view());
  up_.clear();
  if (client_ended_) effects_.finish_upstream = true;
}

void Session::finish_response(Now now) {
  Exchange& exchange = *exchange_;
  if (exchange.rechunked) append(effects_.to_client, view(kLastChunk));
  const bool last = exchange.last;
  const bool reuse = exchange.response->keep_alive && exchange.request_body.done() &&
                     exchange.response->body.kind != Framing::Kind::kUntilClose && up_.empty();
  log(now, "");
  if (!reuse) {
    drop_upstream();
  } else {
    upstream_->used = true;
  }
  progress_ = now.steady;
  if (last) end(Effects::End::kGently, "finished");
}

void Session::handle_upstream_end(Now now) {
  if (over_ || !upstream_) return;
  if (!exchange_) return drop_upstream();
  if (exchange_->tunnel) {
    upstream_ended_ = true;
    effects_.finish_client = true;
    if (client_ended_) {
      log(now, "");
      end(Effects::End::kGently, "finished");
    }
    return;
  }
  const bool whole =
      exchange_->response && exchange_->response->body.kind == Framing::Kind::kUntilClose;
  if (!whole) return handle_upstream_lost(now, "it ended within its answer");
  finish_response(now);
  run(now);
}

void Session::handle_upstream_lost(Now now, const std::string& why) {
  if (over_ || !upstream_) return;
  if (!exchange_) return drop_upstream();
  if (exchange_->tunnel) {
    log(now, "upstream: " + why);
    return end(Effects::End::kAtOnce, "upstream: " + why);
  }
  if (!try_again()) bad_gateway(now, 502, why);
}

// Sends the request again on a new connection, if that is safe: the upstream may have closed a kept
// connection just as the request was sent.
bool Session::try_again() {
  Exchange& exchange = *exchange_;
  const bool untouched = upstream_->used && exchange.head_sent && !exchange.response &&
                         exchange.interim == 0 && up_.empty();
  const bool repeatable = is_idempotent(exchange.request.method) &&
                          exchange.request.body == Framing{} && exchange.request.upgrade.empty();
  if (!untouched || !repeatable) return false;
  const auto index = upstream_->index;
  drop_upstream();
  exchange.head_sent = false;
  reach_upstream(index);
  return true;
}

void Session::bad_gateway(Now now, int status, const std::string& why) {
  refuse(now, status, "upstream: " + why);
}

}  // namespace culvert::http
