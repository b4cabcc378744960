#include "agent/proxy/request_guard.hpp"

#include "agent/proxy/request.hpp"
#include "proto/core/ascii.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace culvert::proxy {
namespace {

constexpr std::string_view kCrLf = "\r\n";
constexpr std::size_t kLongestMethod = 8;  // "OPTIONS "
// The methods of HTTP. First bytes that may be the beginning of one of them are held back until
// more bytes come.
constexpr std::array<std::string_view, 9> kMethods = {
    "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE "};

Refusal bad(const char* why) { return {400, std::string("not a clear HTTP request: ") + why}; }

bool is_request_line(std::string_view line) {
  return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0");
}

bool begins_like_method(std::string_view text) {
  return std::any_of(kMethods.begin(), kMethods.end(), [&](std::string_view method) {
    return text.starts_with(method) || method.starts_with(text);
  });
}

// The length of a request's body. body_length() gives nothing when the headers are ambiguous.
struct BodyLength {
  bool chunked = false;
  std::uint64_t size = 0;
};
std::optional<BodyLength> body_length(const http::HttpHeaders& headers) {
  const auto lengths = headers.count("Content-Length");
  const auto encodings = headers.count("Transfer-Encoding");
  if (lengths + encodings == 0) return BodyLength{};
  if (lengths + encodings > 1) return std::nullopt;
  if (encodings == 1) {
    if (!same_word(headers.one("Transfer-Encoding"), "chunked")) return std::nullopt;
    return BodyLength{true, 0};
  }
  const auto digits = headers.one("Content-Length");
  BodyLength out;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, out.size);
  if (digits.empty() || error != std::errc() || at != end) return std::nullopt;
  return out;
}

}  // namespace

RequestGuard::Step RequestGuard::take(ByteView bytes) {
  Step step;
  if (state_ == State::kRefused) return step;
  append(held_, bytes);
  while (at_ < held_.size() && advance(step)) {
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(at_));
  at_ = 0;
  return step;
}

RequestGuard::Step RequestGuard::end() {
  Step step;
  if (state_ == State::kRefused || held_.empty()) return step;
  if (state_ == State::kHead && requests_ == 0 && !names_.strict_host &&
      first_line(held_, false) != Line::kRequest) {
    state_ = State::kPipe;  // the client sent not even one line, so it sent no HTTP request
    step.pass = std::move(held_);
  } else {
    refuse(bad("it ends within its head"), step);
  }
  return step;
}

bool RequestGuard::advance(Step& step) {
  switch (state_) {
    case State::kHead:
      return take_head(step);
    case State::kBody:
    case State::kChunkData:
      return take_body(step);
    case State::kChunkLine:
      return take_chunk_line(step);
    case State::kTrailers:
      return take_trailers(step);
    case State::kPipe:
      pass(rest().size(), step);
      return false;
    case State::kDone:  // the client's further requests are not for this service
      at_ = held_.size();
      return false;
    case State::kRefused:
      return false;
  }
  return false;
}

RequestGuard::Line RequestGuard::first_line(ByteView bytes, bool http) {
  const auto all = text(bytes);
  const auto end = all.find_first_of("\r\n");
  const auto line = all.substr(0, end);
  const bool binary = std::any_of(line.begin(), line.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
  if (binary) return Line::kOther;
  if (end == std::string_view::npos) {
    return http || begins_like_method(line) ? Line::kUnfinished : Line::kOther;
  }
  if (all[end] == '\r' && end + 1 == all.size()) {
    return is_request_line(line) ? Line::kUnfinished : Line::kOther;
  }
  return is_request_line(line) && all.substr(end).starts_with(kCrLf) ? Line::kRequest
                                                                     : Line::kOther;
}

bool RequestGuard::take_head(Step& step) {
  if (names_.single && requests_ > 0) {
    state_ = State::kDone;
    return true;
  }
  if (nothing_new()) return false;
  if (text(rest()).starts_with(kCrLf)) {  // an empty line may precede a request (RFC 9112 §2.2)
    pass(kCrLf.size(), step);
    return true;
  }
  if (rest().size() == 1 && rest()[0] == '\r') return false;
  const bool http = requests_ > 0 || names_.strict_host;
  const auto line = first_line(rest(), http);
  if (line == Line::kOther) {
    if (http) return refuse(bad("the first line"), step);
    state_ = State::kPipe;
    return true;
  }
  const http::HeadLimits limits{kMaxGuardedHeaders, kMaxGuardedHead};
  if (line == Line::kUnfinished && rest().size() < limits.size) return wait();
  const auto head = parse_either_version(rest(), limits);
  if (!head) {
    if (head.error().code != ErrorCode::kExhausted) return refuse(bad("the head"), step);
    return refuse({431, "the head of the request is larger than 64 KiB or has over 256 headers"},
                  step);
  }
  if (head->size == 0) return wait();
  if (!judge(head->head, step)) return true;
  pass(head->size, step);
  return true;
}

bool RequestGuard::judge(const http::RequestHead& head, Step& step) {
  if (auto refusal = refuse_cross_site(head, names_)) {
    refuse(std::move(*refusal), step);
    return false;
  }
  const auto length = body_length(head.headers);
  if (!length) {
    refuse(bad("the length of its body"), step);
    return false;
  }
  ++requests_;
  if (head.method == "CONNECT" || head.headers.count("Upgrade") > 0) {
    state_ = State::kPipe;
  } else if (length->chunked) {
    state_ = State::kChunkLine;
  } else if (length->size > 0) {
    state_ = State::kBody;
    left_ = length->size;
  }
  return true;
}

bool RequestGuard::take_body(Step& step) {
  const auto size = std::min<std::uint64_t>(left_, rest().size());
  pass(static_cast<std::size_t>(size), step);
  left_ -= size;
  if (left_ > 0) return false;
  state_ = state_ == State::kBody ? State::kHead : State::kChunkLine;
  return true;
}

bool RequestGuard::take_chunk_line(Step& step) {
  const auto all = text(rest());
  const auto end = all.find('\n');
  if (end == std::string_view::npos) {
    return all.size() > kMaxChunkLine && refuse(bad("a chunk"), step);
  }
  if (end == 0 || end > kMaxChunkLine || all[end - 1] != '\r') return refuse(bad("a chunk"), step);
  const auto line = all.substr(0, end - 1);
  const auto digits = line.substr(0, line.find_first_not_of("0123456789abcdefABCDEF"));
  const auto rest = line.substr(digits.size());
  constexpr std::size_t kMaxDigits = 15;
  if (digits.empty() || digits.size() > kMaxDigits || (!rest.empty() && rest[0] != ';') ||
      rest.find('\r') != std::string_view::npos) {
    return refuse(bad("a chunk"), step);
  }
  std::uint64_t size = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
  pass(end + 1, step);
  state_ = size == 0 ? State::kTrailers : State::kChunkData;
  left_ = size + kCrLf.size();
  return true;
}

bool RequestGuard::take_trailers(Step& step) {
  const auto trailers = http::parse_trailers(rest(), {kMaxGuardedHeaders, http::kMaxHeadSize});
  if (!trailers) return refuse(bad("the trailers"), step);
  if (trailers->size == 0) return false;
  pass(trailers->size, step);
  state_ = State::kHead;
  return true;
}

// True when the bytes that came last cannot decide about the head: they end no line and have no
// byte that a line must not have. So a head that comes byte by byte is not parsed again for each
// byte.
bool RequestGuard::nothing_new() {
  const auto all = rest();
  if (waited_ < kLongestMethod || waited_ > all.size() || all.size() >= kMaxGuardedHead) {
    return false;
  }
  const auto fresh = all.subspan(waited_);
  waited_ = all.size();
  return std::none_of(fresh.begin(), fresh.end(),
                      [](std::uint8_t byte) { return byte < 0x20 || byte == 0x7F; });
}
bool RequestGuard::wait() {
  waited_ = rest().size();
  return false;
}

void RequestGuard::pass(std::size_t size, Step& step) {
  append(step.pass, rest().first(size));
  at_ += size;
  waited_ = 0;
}

bool RequestGuard::refuse(Refusal refusal, Step& step) {
  state_ = State::kRefused;
  at_ = held_.size();
  step.refusal = std::move(refusal);
  return false;
}

}  // namespace culvert::proxy
