// The client's side of a session: requests, deadlines, and the end of the session.
#include "agent/http/session.hpp"

namespace culvert::http {

Session::Session(SessionOptions options, Now now)
    : options_(std::move(options)), progress_(now.steady) {}

void Session::drain(Effects& into) { into = std::exchange(effects_, {}); }

void Session::handle_client(Now now, ByteView bytes) {
  if (over_ || bytes.empty()) return;
  progress_ = now.steady;
  if (exchange_ && exchange_->tunnel) {
    exchange_->record.bytes_in += bytes.size();
    append(effects_.to_upstream, bytes);
    return;
  }
  in_.add(bytes);
  run(now);
}

void Session::handle_client_end(Now now) {
  if (over_) return;
  client_ended_ = true;
  if (exchange_ && exchange_->tunnel) {
    effects_.finish_upstream = true;
    if (upstream_ended_) {
      log(now, "");
      end(Effects::End::kGently, "finished");
    }
    return;
  }
  if (!exchange_) {
    const bool whole = in_.empty();
    end(Effects::End::kGently, whole ? "finished" : "ended within a request");
  } else if (upstream_ && upstream_->connected) {
    pump_request(now);
  }  // it still reads the answer
}

void Session::handle_progress(Now now) { progress_ = now.steady; }

// Goes on until the session must wait for bytes or an event.
void Session::run(Now now) {
  while (!over_) {
    if (!exchange_) {
      if (!read_request_head(now)) break;
      continue;
    }
    if (!upstream_ || !upstream_->connected) break;
    pump_request(now);
    if (over_ || !exchange_) continue;
    pump_response(now);
    if (exchange_) break;
  }
  in_.compact();
  up_.compact();
}

// Reads the head of a request. False: more bytes are needed, or the session has ended.
bool Session::read_request_head(Now now) {
  if (in_.empty()) {
    head_since_ = Instant::never();
    if (client_ended_) end(Effects::End::kGently, "finished");
    return false;
  }
  if (head_since_ == Instant::never()) head_since_ = now.steady;
  const auto size = request_head_.parse(in_.view());
  if (!size) {
    const bool large = size.error().code == ErrorCode::kExhausted;
    refuse(now, large ? 431 : 400, size.error().message);
    return false;
  }
  if (*size == 0) {
    if (client_ended_) end(Effects::End::kGently, "ended within a request");
    return false;
  }
  in_.use(*size);
  head_since_ = Instant::never();
  begin(now, request_head_.take());
  return true;
}

AccessRecord Session::new_record(Now now) {
  AccessRecord record;
  record.at = now.wall;
  record.id = std::to_string(options_.who.audit);
  if (options_.who.flow != 0) record.id += "." + std::to_string(options_.who.flow);
  record.id += "-" + std::to_string(++requests_);
  record.service = options_.service;
  record.who = options_.who;
  return record;
}

void Session::begin(Now now, const RequestHead& head) {
  Exchange& exchange = exchange_.emplace();
  exchange.record = new_record(now);
  exchange.began = now.steady;
  exchange.request.method = exchange.record.method = head.method;
  if (!options_.who.complete()) return refuse(now, 403, "nobody is known to ask");
  auto request = read_request(head, options_.tls_name);
  if (!request) return refuse(now, request.error().status, request.error().why);
  exchange.request = std::move(*request);
  exchange.request_body = BodyReader(exchange.request.body);
  exchange.record.host = exchange.request.host;
  exchange.record.path = exchange.request.path;
  exchange.record.has_query = !exchange.request.query.empty();
  const auto host = host_of(exchange.request.host, options_.service);
  const auto route = host ? options_.routes->find(*host, exchange.request.path) : std::nullopt;
  if (!route) return refuse(now, 404, "no route leads there");
  if (options_.log) {
    if (auto ok = options_.log->ready(); !ok) {
      return refuse(now, 503, "the access log cannot be written");
    }
  }
  reach_upstream(*route);
  if (upstream_->connected) send_head(now);
}

void Session::reach_upstream(std::size_t index) {
  if (upstream_ && upstream_->connected && upstream_->index == index) return;
  drop_upstream();
  upstream_ = Upstream{index, false, false};
  effects_.connect = index;
}

void Session::handle_connected(Now now) {
  if (over_ || !exchange_ || !upstream_ || upstream_->connected) return;
  upstream_->connected = true;
  send_head(now);
  run(now);
}

void Session::send_head(Now now) {
  progress_ = now.steady;
  exchange_->head_sent = true;
  const auto head = render_request(exchange_->request, exchange_->record, options_.client);
  append(effects_.to_upstream, view(head));
}

void Session::pump_request(Now now) {
  Exchange& exchange = *exchange_;
  const bool chunked = exchange.request.body.kind == Framing::Kind::kChunked;
  while (!exchange.request_body.done()) {
    const auto piece = exchange.request_body.take(in_.view());
    if (!piece) return refuse(now, 400, piece.error().message);
    append_body(effects_.to_upstream, piece->data, chunked);
    exchange.record.bytes_in += piece->data.size();
    in_.use(piece->used);
    if (exchange.request_body.done() && chunked) append(effects_.to_upstream, view(kLastChunk));
    if (piece->used == 0) break;
  }
  if (client_ended_ && !exchange.request_body.done()) {
    log(now, "the client ended within the body");
    end(Effects::End::kAtOnce, "ended within a request");
  }
}

// Answers with `status` and ends the session. An answer that has begun is cut short instead.
void Session::refuse(Now now, int status, const std::string& why) {
  if (over_) return;
  if (!exchange_) {
    exchange_.emplace().record = new_record(now);
    exchange_->began = now.steady;
  }
  drop_upstream();
  if (exchange_->response || exchange_->tunnel) {
    log(now, why);
    return end(Effects::End::kAtOnce, why);
  }
  const bool with_body = exchange_->request.method != "HEAD";
  append(effects_.to_client, view(render_refusal(status, why, with_body)));
  exchange_->record.status = status;
  log(now, why);
  end(Effects::End::kGently, "refused: " + why);
}

void Session::log(Now now, const std::string& error) {
  if (!exchange_) return;
  AccessRecord& record = exchange_->record;
  record.took = now.steady - exchange_->began;
  record.error = error;
  if (options_.log) options_.log->write(render(record));
  exchange_.reset();
}

void Session::end(Effects::End how, const std::string& reason) {
  if (std::exchange(over_, true)) return;
  drop_upstream();
  effects_.end = how;
  effects_.reason = reason;
  in_.clear();
}

// Drops the bytes that the upstream has sent so far: they belong to no answer any more.
void Session::forget_upstream() {
  up_.clear();
  response_head_ = HeadParser<ResponseHead>(kResponseLimits);
}

void Session::drop_upstream() {
  if (upstream_) effects_.close_upstream = true;
  upstream_.reset();
  effects_.connect.reset();
  forget_upstream();
}

void Session::abandon(Now now, const std::string& why) {
  if (over_) return;
  log(now, why);
  end(Effects::End::kAtOnce, why);
}

Instant Session::next_deadline() const {
  if (over_) return Instant::never();
  if (!exchange_) {
    return in_.empty() ? progress_ + kKeepAliveTime : head_since_ + kHeadTime;
  }
  if (!exchange_->head_sent) return Instant::never();  // connecting has its own timeout
  if (exchange_->response || exchange_->tunnel) return progress_ + kIdleTime;
  return progress_ + (exchange_->request_body.done() ? options_.response_time : kBodyTime);
}

void Session::handle_timeout(Now now) {
  if (now.steady < next_deadline()) return;
  if (!exchange_) {
    if (in_.empty()) return end(Effects::End::kGently, "idle");
    return refuse(now, 408, "no whole request in time");
  }
  if (exchange_->response || exchange_->tunnel) {
    log(now, "idle");
    return end(Effects::End::kAtOnce, "idle");
  }
  if (!exchange_->request_body.done()) return refuse(now, 408, "the request's body stalled");
  refuse(now, 504, "no answer from the upstream in time");
}

}  // namespace culvert::http
