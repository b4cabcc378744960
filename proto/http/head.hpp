// HTTP/1.1 heads (RFC 9112), strict: no bare CR or LF, no obs-fold, no space before the colon, no
// control characters, at most kMaxHeaders headers and kMaxHeadSize bytes. When in doubt: refused.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxHeaders = 64;
inline constexpr std::size_t kMaxHeadSize = 16U << 10U;

class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<std::pair<std::string, std::string>> list) : list_(list) {}

  void add(std::string name, std::string value) {
    list_.emplace_back(std::move(name), std::move(value));
  }
  // The value of the only header of that name (case aside); empty when none or several.
  std::string_view one(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  // Whether a comma-separated header holds the token, case aside (Connection, Upgrade).
  bool has_token(std::string_view name, std::string_view token) const;
  const std::vector<std::pair<std::string, std::string>>& list() const { return list_; }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

struct RequestHead {
  std::string method;
  std::string target;  // as sent: origin-form, absolute-form or authority-form
  HttpHeaders headers;
};
struct ResponseHead {
  int status = 0;
  std::string reason;
  HttpHeaders headers;
  bool http10 = false;
};

// The reason phrase of a status that Culvert's programs send (RFC 9110, section 15); a word for the
// class of any other.
std::string reason_of(int status);

// `size` bytes were the head; 0 when it is not complete yet.
template <class Head>
struct ParsedHead {
  std::size_t size = 0;
  Head head;
};
struct HeadLimits {
  std::size_t headers = kMaxHeaders;
  std::size_t size = kMaxHeadSize;  // bytes; passing either is kExhausted, all else kInvalid
};
Result<ParsedHead<RequestHead>> parse_request_head(ByteView bytes, const HeadLimits& limits = {});
Result<ParsedHead<ResponseHead>> parse_response_head(ByteView bytes, const HeadLimits& limits = {});
// The trailer section of a chunked body, its empty line included (RFC 9112 §7.1.2).
Result<ParsedHead<HttpHeaders>> parse_trailers(ByteView bytes, const HeadLimits& limits = {});

// The same for bytes that arrive in pieces: each line is looked at once, however many pieces bring
// it. For RequestHead, ResponseHead and HttpHeaders (trailers).
template <class Head>
class HeadParser {
 public:
  explicit HeadParser(HeadLimits limits = {}) : limits_(limits) {}

  // `so_far`: everything from the head's first byte on, what earlier calls were given included.
  // The head's size once it is complete, 0 before; an error is final.
  Result<std::size_t> parse(ByteView so_far);
  Head take();  // the complete head; the parser begins anew

 private:
  HeadLimits limits_;
  Head head_;
  std::size_t line_ = 0;  // where the line begins that is not parsed yet
  std::size_t seen_ = 0;  // before here that line has no CR nor LF
};

std::string render(const RequestHead& head);
std::string render(const ResponseHead& head);

struct Url {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  std::string target;  // path and query, at least "/"
};
Result<Url> parse_url(std::string_view text);  // http, https, ws, wss; no user info, no fragment

}  // namespace culvert::http
