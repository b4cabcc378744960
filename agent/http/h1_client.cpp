#include "agent/http/h1_client.hpp"

namespace culvert::http {

void H1Client::handle_bytes(ByteView bytes) {
  if (!end_) in_.add(bytes);
}

Result<std::optional<Incoming>, Refusal> H1Client::next_request() {
  if (open_ || end_) return std::nullopt;
  if (in_.empty()) {
    if (client_ended_) end_with(false, EndKind::kFinished, "finished");
    return std::nullopt;
  }
  const auto size = parser_.parse(in_.view());
  if (!size) {
    const bool large = size.error().code == ErrorCode::kExhausted;
    return fail_with(Refusal{large ? 431 : 400, size.error().message});
  }
  if (*size == 0) {
    if (client_ended_) end_with(false, EndKind::kCutShort, "ended within a request");
    return std::nullopt;
  }
  in_.use(*size);
  const RequestHead head = parser_.take();
  Incoming out{StreamId{++requests_}, head.method, read_request(head)};
  open_ = Open();
  Open& open = *open_;
  open.method = head.method;
  if (out.request) {
    open.upgrade = out.request->upgrade;
    open.keep_alive = out.request->keep_alive;
    open.body = BodyReader(out.request->body);
  }
  return out;
}

Result<BodyPiece, Refusal> H1Client::read_body(StreamId) {
  if (open_->tunnel) return read_tunnel();
  const auto piece = open_->body.take(in_.view());
  if (!piece) return fail_with(Refusal{400, piece.error().message});
  in_.use(piece->used);
  BodyPiece out{piece->data};
  if (open_->body.done()) {
    out.then = BodyPiece::Then::kEnd;
    out.trailers = open_->body.take_trailers();
  } else if (client_ended_ && in_.empty()) {
    out.then = BodyPiece::Then::kCancelled;
  }
  return out;
}

BodyPiece H1Client::read_tunnel() {
  BodyPiece out{in_.view()};
  in_.use(in_.size());
  if (!client_ended_) return out;
  out.then = BodyPiece::Then::kEnd;
  open_->request_done = true;
  end_tunnel_when_done();
  return out;
}

void H1Client::end_tunnel_when_done() {
  if (open_->request_done && open_->response_done) end_with(false, EndKind::kFinished, "finished");
}

void H1Client::interim(StreamId, const Response& response) {
  append(out_.bytes, view(write_interim(response)));
}

// No request may follow when the client has ended or asked for the end, after an upgrade that was
// not granted, or while the request's body is still coming.
void H1Client::head(StreamId, const Response& response) {
  open_->chunked = response.body.kind == Framing::Kind::kChunked ||
                   response.body.kind == Framing::Kind::kUntilClose;
  open_->last = (client_ended_ && in_.empty()) || !open_->keep_alive || !open_->upgrade.empty() ||
                !open_->body.done();
  append(out_.bytes, view(write_response(response, open_->last, open_->chunked)));
}

Result<void, Refusal> H1Client::switch_protocols(StreamId, const Response& response) {
  if (!in_.empty()) return fail_with(Refusal{400, "bytes before the upgrade was granted"});
  append(out_.bytes, view(write_switch(response, open_->upgrade)));
  open_->tunnel = true;
  return {};
}

void H1Client::body(StreamId, ByteView data) { append_body(out_.bytes, data, open_->chunked); }

void H1Client::finish(StreamId, const HttpHeaders& trailers) {
  if (open_->tunnel) {
    out_.finish = true;
    open_->response_done = true;
    return end_tunnel_when_done();
  }
  if (open_->chunked) append_last_chunk(out_.bytes, trailers);
  const bool last = open_->last;
  open_.reset();
  if (last) end_with(false, EndKind::kFinished, "finished");
}

void H1Client::refuse(std::optional<StreamId>, const Refusal& refusal) {
  const bool with_body = !open_ || open_->method != "HEAD";
  append(out_.bytes, view(write_refusal(refusal, with_body)));
  end_with(false, EndKind::kRefused, "refused: " + refusal.why);
}

void H1Client::reset(StreamId, EndKind kind, const std::string& why) { end_with(true, kind, why); }

void H1Client::end_with(bool at_once, EndKind kind, std::string reason) {
  if (end_) return;
  end_ = End{at_once, kind, std::move(reason)};
  in_.clear();
}

}  // namespace culvert::http
