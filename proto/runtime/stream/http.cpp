#include "proto/runtime/stream/http.hpp"

#include <charconv>
#include <optional>

#include "proto/runtime/stream/http_reader.hpp"

namespace culvert::runtime {

struct HttpAcceptor::Impl {
  Impl(Loop& l, Got g) : loop(l), got(std::move(g)) {}

  Loop& loop;
  Got got;
  std::shared_ptr<HeadReader<http::RequestHead>> reader;

  void on_head(Result<http::RequestHead> head);
  void answer(int status, const http::HttpHeaders& headers, std::string_view body);
};

void HttpAcceptor::Impl::on_head(Result<http::RequestHead> head) {
  if (head) {
    const auto& headers = head->headers;
    const auto length = headers.one("Content-Length");
    if (headers.count("Host") != 1) {
      head = fail(ErrorCode::kInvalid, "HTTP: not exactly one Host header");
    } else if (headers.count("Transfer-Encoding") != 0 ||
               (headers.count("Content-Length") != 0 && length != "0")) {
      head = fail(ErrorCode::kInvalid, "HTTP: a request with a body");
    }
  }
  if (!head) answer(400, {}, head.error().message + "\n");
  const auto call = std::move(got);
  call(std::move(head));
}

void HttpAcceptor::Impl::answer(int status, const http::HttpHeaders& headers,
                                std::string_view body) {
  if (!reader || !reader->stream) return;
  http::ResponseHead head{status, http::reason_of(status), headers};
  if (status != 204) head.headers.add("Content-Length", std::to_string(body.size()));
  head.headers.add("Connection", "close");
  auto stream = std::move(reader->stream);
  stream->write(view(render(head)));
  stream->write(view(body));
  linger(loop, std::move(stream));
}

HttpAcceptor::HttpAcceptor(Loop& loop, std::unique_ptr<ByteStream> stream, Got got)
    : impl_(std::make_shared<Impl>(loop, std::move(got))) {
  impl_->reader = std::make_shared<HeadReader<http::RequestHead>>(
      loop, std::move(stream), [weak = std::weak_ptr<Impl>(impl_)](auto head) {
        if (const auto self = weak.lock()) self->on_head(std::move(head));
      });
  impl_->reader->begin();
}
HttpAcceptor::~HttpAcceptor() = default;

void HttpAcceptor::answer(int status, const http::HttpHeaders& headers, std::string_view body) {
  impl_->answer(status, headers, body);
}

std::unique_ptr<ByteStream> HttpAcceptor::upgrade(const http::HttpHeaders& headers) {
  http::ResponseHead head{101, http::reason_of(101), headers};
  head.headers.add("Connection", "Upgrade");
  auto stream = release();
  if (stream) stream->write(view(render(head)));
  return stream;
}

std::unique_ptr<ByteStream> HttpAcceptor::release() { return std::move(impl_->reader->stream); }

struct HttpUpgrade::Impl {
  std::shared_ptr<HeadReader<http::ResponseHead>> reader;
};

HttpUpgrade::HttpUpgrade(Loop& loop, std::unique_ptr<ByteStream> stream,
                         const http::RequestHead& request, Done done)
    : impl_(std::make_shared<Impl>()) {
  impl_->reader = std::make_shared<HeadReader<http::ResponseHead>>(
      loop, std::move(stream),
      [weak = std::weak_ptr<Impl>(impl_), done = std::move(done)](Result<http::ResponseHead> head) {
        const auto self = weak.lock();
        if (!self) return;
        if (!head) {
          done(fail_with(head.error()));
        } else if (head->status != 101) {
          done(fail(ErrorCode::kDenied,
                    "HTTP: answered " + std::to_string(head->status) + " instead of an upgrade"));
        } else {
          done(Upgraded{std::move(*head), std::move(self->reader->stream)});
        }
      });
  impl_->reader->stream->write(view(render(request)));
  impl_->reader->begin();
}
HttpUpgrade::~HttpUpgrade() = default;

struct HttpGet::Impl : std::enable_shared_from_this<Impl> {
  Impl(Loop& l, Done d)
      : done(std::move(d)),
        timer(l, [this] { finish(fail(ErrorCode::kTimeout, "HTTP: no whole answer in time")); }) {}

  Done done;
  Timer timer;
  std::shared_ptr<HeadReader<http::ResponseHead>> reader;
  HttpAnswer answer;
  std::optional<std::size_t> length;

  void on_head(Result<http::ResponseHead> head);
  void on_body(ByteView bytes);
  void on_end();
  void finish(Result<HttpAnswer> result);
};

void HttpGet::Impl::on_head(Result<http::ResponseHead> head) {
  if (!head) return finish(fail_with(head.error()));
  const auto said = head->headers.one("Content-Length");
  if (head->headers.count("Transfer-Encoding") != 0) {
    return finish(fail(ErrorCode::kInvalid, "HTTP: a chunked answer is not supported"));
  }
  if (head->headers.count("Content-Length") != 0) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(said.data(), said.data() + said.size(), value);
    if (said.empty() || error != std::errc{} || end != said.data() + said.size()) {
      return finish(fail(ErrorCode::kInvalid, "HTTP: a bad Content-Length"));
    }
    length = value;
  }
  if (head->status == 204 || head->status == 304) length = 0;
  answer.head = std::move(*head);
  const auto weak = weak_from_this();
  StreamEvents events;
  events.data = [weak](ByteView bytes) {
    if (const auto self = weak.lock()) self->on_body(bytes);
  };
  events.end = [weak] {
    if (const auto self = weak.lock()) self->on_end();
  };
  events.closed = [weak](const Closing& why) {
    if (const auto self = weak.lock()) {
      self->finish(fail_with(error_of(why, "HTTP: closed within the body")));
    }
  };
  reader->stream->start(std::move(events));
  on_body({});
}

void HttpGet::Impl::on_body(ByteView bytes) {
  append(answer.body, bytes);
  if (answer.body.size() > kMaxGetBody) {
    finish(fail(ErrorCode::kExhausted, "HTTP: the answer is too long"));
  } else if (length && answer.body.size() >= *length) {
    answer.body.resize(*length);
    finish(std::move(answer));
  }
}

void HttpGet::Impl::on_end() {
  if (length) return finish(fail(ErrorCode::kUnavailable, "HTTP: the answer was cut short"));
  finish(std::move(answer));
}

void HttpGet::Impl::finish(Result<HttpAnswer> result) {
  if (!done) return;
  timer.cancel();
  if (reader->stream) reader->stream->close();
  std::exchange(done, nullptr)(std::move(result));
}

HttpGet::HttpGet(Loop& loop, std::unique_ptr<ByteStream> stream, const http::RequestHead& request,
                 Done done, std::string_view body)
    : impl_(std::make_shared<Impl>(loop, std::move(done))) {
  impl_->reader = std::make_shared<HeadReader<http::ResponseHead>>(
      loop, std::move(stream),
      [weak = std::weak_ptr<Impl>(impl_)](Result<http::ResponseHead> head) {
        if (const auto self = weak.lock()) self->on_head(std::move(head));
      });
  impl_->timer.arm_in(2 * kHeadTimeout);
  http::RequestHead sent = request;
  if (sent.headers.count("Connection") == 0) sent.headers.add("Connection", "close");
  impl_->reader->stream->write(view(render(sent)));
  impl_->reader->stream->write(view(body));
  impl_->reader->begin();
}
HttpGet::~HttpGet() = default;

}  // namespace culvert::runtime
