// Checks the bytes that a local client sends through a forward: each HTTP/1.x request passes only
// if it does not come from another site's web page (browser.hpp). Any other protocol passes
// unchanged: a forward is a pipe. Pure.
//
// The way of the bytes: local client → GuardStream (guard_stream.hpp) → take() → Step::pass → the
// service. A refusal goes back to the client by way of the GuardStream.
//
// Bytes are held back only while they may still be the beginning of a request's head. A browser
// sends heads in strict form, so:
//   - bytes that do not begin with a request line of HTTP/1.x, ended by CRLF, are another protocol,
//     and everything passes;
//   - after a first HTTP/1.x request all further bytes must be HTTP/1.x: bodies are measured
//     (Content-Length, chunked), so that each further request is found and checked too;
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

class RequestGuard {
 public:
  struct Step {
    Bytes pass;                      // bytes for the service
    std::optional<Refusal> refusal;  // after `pass`, no more bytes go to the service
  };

  explicit RequestGuard(OwnNames names) : names_(std::move(names)) {}

  Step take(ByteView bytes);
  Step end();  // the client has half-closed: decides about the bytes that were held back

  // Whether these first bytes may be the beginning of an HTTP/1.x request.
  static bool begins_like_request(ByteView bytes) {
    return first_line(bytes, false) != Line::kOther;
  }

  bool is_pipe() const { return state_ == State::kPipe; }  // take() passes everything from now on
  std::size_t requests() const { return requests_; }       // requests that were passed on

 private:
  enum class State { kHead, kBody, kChunkLine, kChunkData, kTrailers, kPipe, kDone, kRefused };
  enum class Line { kRequest, kOther, kUnfinished };

  bool advance(Step& step);  // true: decided about some bytes; call it again for the rest
  bool take_head(Step& step);
  bool take_body(Step& step);
  bool take_chunk_line(Step& step);
  bool take_trailers(Step& step);
  bool judge(const http::RequestHead& head, Step& step);
  // `http`: the protocol is known to be HTTP, so any word may be a method.
  static Line first_line(ByteView bytes, bool http);
  ByteView rest() const { return ByteView(held_).subspan(at_); }
  bool nothing_new();
  bool wait();
  void pass(std::size_t size, Step& step);
  bool refuse(Refusal refusal, Step& step);

  OwnNames names_;
  State state_ = State::kHead;
  Bytes held_;
  std::size_t at_ = 0;      // bytes of held_ before this offset are decided, the rest is held back
  std::size_t waited_ = 0;  // bytes of the head that were there when it was last parsed
  std::uint64_t left_ = 0;  // bytes left of the body, or of the chunk with its CRLF
  std::size_t requests_ = 0;
};

}  // namespace culvert::proxy
