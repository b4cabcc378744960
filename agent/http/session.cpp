// The client's side of a session: requests, deadlines, and the end of the session.
#include "agent/http/session.hpp"

#include <algorithm>

#include "agent/http/h1_client.hpp"
#include "agent/http/h1_upstream.hpp"

namespace culvert::http {

Codecs h1_codecs() {
  return {std::make_unique<H1Client>(), [] { return std::make_unique<H1Upstream>(); }};
}

Session::Session(SessionOptions options, Now now, Codecs codecs)
    : options_(std::move(options)), codecs_(std::move(codecs)), progress_(now.steady) {}

void Session::drain(Effects& into) {
  into = {};
  into.upstreams = std::exchange(closed_, {});
  for (auto& [id, upstream] : upstreams_) {
    auto output = upstream.codec->drain();
    UpstreamEffect effect{
        id,   std::exchange(upstream.connect, {}), std::move(output.bytes), output.finish, false,
        false};
    if (effect.connect || !effect.bytes.empty() || effect.finish) {
      into.upstreams.push_back(std::move(effect));
    }
  }
  auto output = codecs_.client->drain();
  into.to_client = std::move(output.bytes);
  into.finish_client = output.finish;
  if (!std::exchange(end_drained_, end_.has_value())) into.end = end_;
}

void Session::handle_client(Now now, ByteView bytes) {
  if (end_ || bytes.empty()) return;
  handle_progress(now);
  codecs_.client->handle_bytes(bytes);
  run(now);
}

void Session::handle_client_end(Now now) {
  if (end_) return;
  codecs_.client->handle_end();
  run(now);
}

void Session::handle_progress(Now now) {
  progress_ = now.steady;
  for (auto& [id, stream] : streams_) stream.exchange.touch(now);
}

// Makes steps until the session must wait for bytes or an event. Then no codec has a view of bytes
// that belong to the caller.
void Session::run(Now now) {
  while (!end_ && step(now)) {
  }
  codecs_.client->keep_unread();
  for (auto& [id, upstream] : upstreams_) upstream.codec->keep_unread();
}

// Takes a request, or moves what can move on the open streams. True: a stream began, ended or
// became a tunnel, so there may be more to do.
bool Session::step(Now now) {
  if (take_request(now)) return true;
  if (codecs_.client->end()) {
    end(now, *codecs_.client->end());
    return false;
  }
  for (auto at = streams_.begin(); at != streams_.end(); ++at) {
    if (!at->second.on_upstream) continue;
    const auto count = streams_.size();
    const bool tunnel = at->second.exchange.is_tunnel();
    const StreamId id = at->first;
    pump_request(now, at);
    if (streams_.size() != count) return true;
    pump_response(now, at);
    if (streams_.size() != count || streams_.at(id).exchange.is_tunnel() != tunnel) return true;
  }
  return false;
}

bool Session::take_request(Now now) {
  auto next = codecs_.client->next_request();
  if (!next) {
    refuse_connection(now, next.error());
    return true;
  }
  if (!*next) {
    const bool within_head = codecs_.client->within_head();
    if (!within_head) head_since_ = Instant::never();
    if (within_head && head_since_ == Instant::never()) head_since_ = now.steady;
    return false;
  }
  head_since_ = Instant::never();
  const StreamId id = (*next)->stream;
  const auto at = streams_.emplace(id, Stream{Exchange(options_, now, ++requests_), {}, {}}).first;
  const auto index = at->second.exchange.judge(std::move(**next));
  if (!index) {
    refuse(now, at, index.error());
  } else {
    reach(now, at->second, *index);
  }
  return true;
}

// Passes what has come of the request's body, or of the client's bytes in a tunnel.
void Session::pump_request(Now now, Place at) {
  auto& [id, stream] = *at;
  Exchange& exchange = stream.exchange;
  UpstreamCodec& upstream = *upstream_of(stream)->codec;
  while (!exchange.is_request_done()) {
    const auto piece = codecs_.client->read_body(id);
    if (!piece) return refuse(now, at, piece.error());
    if (!piece->data.empty()) upstream.body(*stream.on_upstream, piece->data);
    exchange.count_in(piece->data.size());
    if (piece->then == BodyPiece::Then::kCancelled) {
      codecs_.client->reset(id, EndKind::kCutShort, "ended within a request");
      return close(now, at, "the client ended within the body");
    }
    if (piece->then == BodyPiece::Then::kEnd) {
      upstream.finish(*stream.on_upstream, request_trailers(piece->trailers));
      exchange.request_done();
    } else if (piece->data.empty()) {
      return;
    }
  }
  if (exchange.is_response_done()) close(now, at, std::nullopt);  // of a tunnel
}

// Answers with the refusal. A response that has begun is cut short instead.
void Session::refuse(Now now, Place at, const Refusal& refusal) {
  if (at->second.exchange.has_response()) return reset(now, at, EndKind::kBroken, refusal.why);
  codecs_.client->refuse(at->first, refusal);
  at->second.exchange.refused(refusal.status);
  close(now, at, refusal.why);
}

void Session::reset(Now now, Place at, EndKind kind, const std::string& why) {
  codecs_.client->reset(at->first, kind, why);
  close(now, at, why);
}

// Answers bytes that are no request: an error of the whole connection.
void Session::refuse_connection(Now now, const Refusal& refusal) {
  Exchange exchange(options_, now, ++requests_);
  exchange.refused(refusal.status);
  exchange.finish(now, refusal.why);
  codecs_.client->refuse(std::nullopt, refusal);
  if (codecs_.client->end()) end(now, *codecs_.client->end());
}

// Ends the stream: writes its line of the access log and gives up its place on the connection to
// the upstream.
void Session::close(Now now, Place at, std::optional<std::string> error) {
  const Exchange& exchange = at->second.exchange;
  release(at->second, !error && exchange.is_request_done() && exchange.is_response_done());
  at->second.exchange.finish(now, std::move(error));
  streams_.erase(at);
  progress_ = now.steady;
  if (codecs_.client->end()) end(now, *codecs_.client->end());
}

void Session::end(Now now, End how) {
  if (end_) return;
  for (auto& [id, stream] : streams_) stream.exchange.finish(now, how.reason);
  streams_.clear();
  end_ = std::move(how);
  while (!upstreams_.empty()) {
    const auto& [id, upstream] = *upstreams_.begin();
    close_upstream(id, !end_->at_once && upstream.codec->can_open());
  }
}

void Session::abandon(Now now, const std::string& why) { end(now, End{true, EndKind::kCut, why}); }

Instant Session::next_deadline() const {
  if (end_) return Instant::never();
  if (streams_.empty()) {
    return codecs_.client->within_head() ? head_since_ + kHeadTime : progress_ + kKeepAliveTime;
  }
  Instant next = Instant::never();
  for (const auto& [id, stream] : streams_) next = std::min(next, stream.exchange.deadline());
  return next;
}

void Session::handle_timeout(Now now) {
  if (now.steady < next_deadline()) return;
  if (streams_.empty()) {
    if (!codecs_.client->within_head()) return end(now, End{false, EndKind::kIdle, "idle"});
    return refuse_connection(now, {408, "no whole request in time"});
  }
  for (auto at = streams_.begin(); !end_ && at != streams_.end();) {
    const auto present = at++;
    const Exchange& exchange = present->second.exchange;
    if (now.steady < exchange.deadline()) continue;
    if (exchange.has_response()) {
      reset(now, present, EndKind::kIdle, "idle");
    } else {
      refuse(now, present, exchange.timeout());
    }
  }
  run(now);
}

}  // namespace culvert::http
