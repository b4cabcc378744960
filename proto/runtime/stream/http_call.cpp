#include "proto/runtime/stream/http_call.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "proto/runtime/stream/http_reader.hpp"

namespace culvert::runtime {
namespace {

// The length of the body in bytes; 0: there is no body.
Result<std::size_t> body_length(const http::RequestHead& head, std::size_t limit) {
  const auto& headers = head.headers;
  if (headers.count("Host") != 1) {
    return fail(ErrorCode::kInvalid, "HTTP: not exactly one Host header");
  }
  if (headers.count("Transfer-Encoding") != 0) {
    return fail(ErrorCode::kInvalid, "HTTP: a chunked body is not supported");
  }
  if (headers.count("Content-Length") == 0) return std::size_t{0};
  const auto said = headers.one("Content-Length");
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(said.data(), said.data() + said.size(), length);
  if (said.empty() || error != std::errc{} || end != said.data() + said.size()) {
    return fail(ErrorCode::kInvalid, "HTTP: a bad Content-Length");
  }
  if (length > limit) {
    return fail(ErrorCode::kExhausted,
                "HTTP: a body of more than " + std::to_string(limit) + " bytes");
  }
  return length;
}

}  // namespace

struct HttpCall::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, std::size_t most, Got g)
      : loop(l),
        limit(most),
        got(std::move(g)),
        timer(l, [this] { finish(fail(ErrorCode::kTimeout, "HTTP: no body in time")); }) {}

  Loop& loop;
  std::size_t limit;
  Got got;
  Timer timer;
  std::shared_ptr<HeadReader<http::RequestHead>> reader;
  HttpRequest request;
  std::size_t length = 0;

  void on_head(Result<http::RequestHead> head);
  void on_body(ByteView bytes);
  void finish(Result<HttpRequest> result);
  void answer(int status, std::string_view body);
};

void HttpCall::Impl::on_head(Result<http::RequestHead> head) {
  if (!head) return finish(fail_with(head.error()));
  const auto said = body_length(*head, limit);
  if (!said) return finish(fail_with(said.error()));
  length = *said;
  request.head = std::move(*head);
  if (length == 0) return finish(std::move(request));
  timer.arm_in(kCallTimeout);
  const auto weak = weak_from_this();
  StreamEvents events;
  events.data = [weak](ByteView bytes) {
    if (const auto self = weak.lock()) self->on_body(bytes);
  };
  events.end = [weak] {
    const auto self = weak.lock();
    if (self) self->finish(fail(ErrorCode::kUnavailable, "HTTP: ended within the body"));
  };
  events.closed = [weak](const Closing& why) {
    if (const auto self = weak.lock()) {
      self->finish(fail_with(error_of(why, "HTTP: closed within the body")));
    }
  };
  reader->stream->start(std::move(events));
}

void HttpCall::Impl::on_body(ByteView bytes) {
  request.body += text(bytes.first(std::min(bytes.size(), length - request.body.size())));
  if (request.body.size() == length) finish(std::move(request));
}

void HttpCall::Impl::finish(Result<HttpRequest> result) {
  if (!got) return;
  const auto held = shared_from_this();
  timer.cancel();
  if (reader->stream) reader->stream->hand_over({});
  if (!result) {
    const auto code = result.error().code;
    answer(code == ErrorCode::kTimeout     ? 408
           : code == ErrorCode::kExhausted ? 413
                                           : 400,
           result.error().message + "\n");
  }
  std::exchange(got, nullptr)(std::move(result));
}

void HttpCall::Impl::answer(int status, std::string_view body) {
  if (!reader->stream) return;
  http::ResponseHead head{status, http::reason_of(status), {{"Content-Type", "text/plain"}}};
  if (status != 204) head.headers.add("Content-Length", std::to_string(body.size()));
  head.headers.add("Connection", "close");
  auto stream = std::move(reader->stream);
  stream->write(view(render(head)));
  if (status != 204) stream->write(view(body));
  linger(loop, std::move(stream));
}

HttpCall::HttpCall(Loop& loop, std::unique_ptr<ByteStream> stream, std::size_t limit, Got got)
    : impl_(std::make_shared<Impl>(loop, limit, std::move(got))) {
  impl_->reader = std::make_shared<HeadReader<http::RequestHead>>(
      loop, std::move(stream), [weak = std::weak_ptr<Impl>(impl_)](Result<http::RequestHead> head) {
        if (const auto self = weak.lock()) self->on_head(std::move(head));
      });
  impl_->reader->begin();
}
HttpCall::~HttpCall() = default;

void HttpCall::answer(int status, std::string_view body) { impl_->answer(status, body); }

}  // namespace culvert::runtime
