// Follows what a local client sends through a forward, and lets each HTTP/1.x request on only when
// it does not come from another site's web page (browser.hpp). Any other protocol passes unchanged:
// a forward is a pipe. Pure.
//
// Bytes are held back only while they may still be the beginning of a request's head. A browser
// sends heads in strict form, so:
//   - what does not begin with a request line of HTTP/1.x, ended by CRLF, is another protocol, and
//     everything that follows passes;
//   - once the first request was HTTP/1.x, everything is: bodies are measured (Content-Length,
//     chunked), so that each further request on the connection is found and judged too;
//   - a request whose length could be read in two ways is refused (400), and so is a head that
//     breaks the grammar, or is larger than kMaxGuardedHead (431);
//   - after a request with Upgrade (WebSocket) or CONNECT everything passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "agent/proxy/browser.hpp"
#include "proto/core/bytes.hpp"

namespace culvert::proxy {

inline constexpr std::size_t kMaxGuardedHead = 64U << 10U;
inline constexpr std::size_t kMaxGuardedHeaders = 256;
inline constexpr std::size_t kMaxChunkLine = 4096;

// The head of a request in HTTP/1.1 or HTTP/1.0; otherwise as http::parse_request_head().
Result<http::ParsedHead<http::RequestHead>> parse_either_version(
    ByteView bytes, const http::HeadLimits& limits = {});

class RequestGuard {
 public:
  struct Step {
    Bytes pass;                      // may go on to the service
    std::optional<Refusal> refusal;  // after `pass`; nothing may go on any more
  };

  explicit RequestGuard(OwnNames names) : names_(std::move(names)) {}

  Step take(ByteView bytes);
  Step end();  // the client has sent everything: what is held back is decided now

  // Whether these first bytes may be the beginning of an HTTP/1.x request.
  static bool begins_like_request(ByteView bytes) {
    return first_line(bytes, false) != Line::kOther;
  }

  bool is_pipe() const { return state_ == State::kPipe; }  // take() passes everything, from now on
  std::size_t requests() const { return requests_; }       // that went on

 private:
  enum class State { kHead, kBody, kChunkLine, kChunkData, kTrailers, kPipe, kDone, kRefused };
  enum class Line { kRequest, kOther, kUnfinished };

  bool advance(Step& step);  // true: something was decided, and more of `held_` may be
  bool take_head(Step& step);
  bool take_body(Step& step);
  bool take_chunk_line(Step& step);
  bool take_trailers(Step& step);
  bool judge(const http::RequestHead& head, Step& step);
  // `http`: it is known that HTTP is spoken, so any word may be a method.
  static Line first_line(ByteView bytes, bool http);
  ByteView rest() const { return ByteView(held_).subspan(at_); }
  bool nothing_new();
  bool wait();
  void pass(std::size_t size, Step& step);
  bool refuse(Refusal refusal, Step& step);

  OwnNames names_;
  State state_ = State::kHead;
  Bytes held_;
  std::size_t at_ = 0;      // up to here it is decided; what follows is held back
  std::size_t waited_ = 0;  // so much of a head was there when it was last read
  std::uint64_t left_ = 0;  // of the body, or of the chunk with its CRLF
  std::size_t requests_ = 0;
};

}  // namespace culvert::proxy
