// Heads of HTTP/1.1 messages (RFC 9112): a parser and a writer. The parser is strict. It refuses a
// bare CR or LF, obs-fold, a space before the colon, control characters, more than kMaxHeaders
// headers and more than kMaxHeadSize bytes.
//
// Bytes come from a connection (agent/http, agent/proxy, proto/runtime/stream/http.hpp). The parsed
// head goes back to the same caller, who judges what it means.
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
inline constexpr std::size_t kMaxHeadSize = 16U << 10U;  // bytes

bool is_token(std::string_view text);  // a name of a header or a method (RFC 9110 §5.6.2)

// Header fields in the order in which they stand in the head. Names keep their spelling.
class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<std::pair<std::string, std::string>> list) : list_(list) {}

  void add(std::string name, std::string value) {
    list_.emplace_back(std::move(name), std::move(value));
  }
  // The value of the only header `name`, without regard to case; empty when there are none or
  // several.
  std::string_view one(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  // The elements of the comma-separated header `name` of all lines, in order, without the empty
  // ones (RFC 9110 §5.6.1). The elements point into this object.
  std::vector<std::string_view> elements(std::string_view name) const;
  // Whether the comma-separated header `name` (Connection, Upgrade) has the token, without regard
  // to case.
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

// The reason phrase of a status that Culvert's programs send (RFC 9110, section 15). For any other
// status, a word for its class.
std::string reason_of(int status);

// `size`: bytes of the head; 0 when the head is not complete yet.
template <class Head>
struct ParsedHead {
  std::size_t size = 0;
  Head head;
};
struct HeadLimits {
  std::size_t headers = kMaxHeaders;
  std::size_t size = kMaxHeadSize;  // bytes; past either limit: kExhausted; other errors: kInvalid
};
Result<ParsedHead<RequestHead>> parse_request_head(ByteView bytes, const HeadLimits& limits = {});
Result<ParsedHead<ResponseHead>> parse_response_head(ByteView bytes, const HeadLimits& limits = {});
// Parses the trailer section of a chunked body, its empty line included (RFC 9112 §7.1.2).
Result<ParsedHead<HttpHeaders>> parse_trailers(ByteView bytes, const HeadLimits& limits = {});

// Parses a RequestHead, a ResponseHead or HttpHeaders (trailers) whose bytes arrive in pieces. Each
// line is read once, however many pieces it arrives in.
template <class Head>
class HeadParser {
 public:
  explicit HeadParser(HeadLimits limits = {}) : limits_(limits) {}

  // `so_far`: all bytes from the head's first byte on, also those of earlier calls. Returns the
  // head's size once the head is complete, 0 before. An error is final.
  Result<std::size_t> parse(ByteView so_far);
  Head take();  // the complete head; the parser is then ready for the next head

 private:
  HeadLimits limits_;
  Head head_;
  std::size_t line_ = 0;  // where the first line that is not parsed yet begins
  std::size_t seen_ = 0;  // the line from line_ has no CR or LF before this offset
};

std::string render(const RequestHead& head);
std::string render(const ResponseHead& head);

}  // namespace culvert::http
