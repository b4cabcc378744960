#include "agent/http/h1_upstream.hpp"

namespace culvert::http {

StreamId H1Upstream::open(const Request& request) {
  open_ = Open();
  Open& open = *open_;
  open.request.method = request.method;
  open.request.upgrade = request.upgrade;
  open.request.body = request.body;
  open.request_done = !request.body.has_body();
  append(out_.bytes, view(write_request(request)));
  return StreamId{++requests_};
}

void H1Upstream::body(StreamId, ByteView data) {
  const bool chunked = !open_->tunnel && open_->request.body.kind == Framing::Kind::kChunked;
  append_body(out_.bytes, data, chunked);
}

void H1Upstream::finish(StreamId, const HttpHeaders& trailers) {
  if (open_->tunnel) {
    out_.finish = true;
  } else if (open_->request.body.kind == Framing::Kind::kChunked) {
    append_last_chunk(out_.bytes, trailers);
  }
  open_->request_done = true;
}

void H1Upstream::cancel(StreamId) {
  open_.reset();
  reusable_ = false;
}

void H1Upstream::handle_bytes(ByteView bytes) {
  if (!open_) {  // a response to no request
    reusable_ = false;
    return;
  }
  open_->touched = true;
  in_.add(bytes);
}

bool H1Upstream::handle_end() {
  ended_ = true;
  reusable_ = false;
  return !open_ || open_->tunnel ||
         (open_->response && open_->response->body.kind == Framing::Kind::kUntilClose);
}

Result<std::optional<Response>> H1Upstream::read_head(StreamId) {
  const auto size = parser_.parse(in_.view());
  if (!size) return fail_with(size.error());
  if (*size == 0) return std::nullopt;
  in_.use(*size);
  auto response = read_response(parser_.take(), open_->request);
  if (!response) return fail_with(response.error());
  if (response->status == 101) {
    open_->tunnel = true;
    reusable_ = false;
  } else if (response->status >= 200) {
    open_->body = BodyReader(response->body);
    open_->response = Response{response->status, {}, response->body, response->keep_alive, {}};
  }
  return std::optional(std::move(*response));
}

Result<BodyPiece> H1Upstream::read_body(StreamId) {
  BodyPiece out;
  if (open_->tunnel) {
    out.data = in_.view();
    in_.use(in_.size());
  } else {
    const auto piece = open_->body.take(in_.view());
    if (!piece) return fail_with(piece.error());
    out.data = piece->data;
    in_.use(piece->used);
  }
  if (!is_body_over()) return out;
  out.then = BodyPiece::Then::kEnd;
  if (open_->tunnel) return out;
  out.trailers = open_->body.take_trailers();
  reusable_ = reusable_ && open_->response->keep_alive && open_->request_done && in_.empty();
  open_.reset();
  return out;
}

bool H1Upstream::is_body_over() const {
  const bool until_close =
      open_->tunnel || open_->response->body.kind == Framing::Kind::kUntilClose;
  return until_close ? ended_ && in_.empty() : open_->body.done();
}

}  // namespace culvert::http
