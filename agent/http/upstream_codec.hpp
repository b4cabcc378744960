// The codec of one connection to an upstream: requests out, responses in (codec.hpp).
#pragma once

#include <optional>

#include "agent/http/codec.hpp"
#include "proto/core/result.hpp"

namespace culvert::http {

class UpstreamCodec {
 public:
  UpstreamCodec() = default;
  UpstreamCodec(const UpstreamCodec&) = delete;
  UpstreamCodec& operator=(const UpstreamCodec&) = delete;
  virtual ~UpstreamCodec() = default;

  virtual bool can_open() const = 0;                      // one more stream can begin
  virtual StreamId open(const Request& request) = 0;      // writes the head
  virtual void body(StreamId stream, ByteView data) = 0;  // copies
  virtual void finish(StreamId stream, const HttpHeaders& trailers) = 0;
  // The response is of no use any more. No effect on a stream that is over.
  virtual void cancel(StreamId stream) = 0;

  virtual void handle_bytes(ByteView bytes) = 0;
  // The upstream has half-closed. False: a response is incomplete and cannot be completed.
  virtual bool handle_end() = 0;
  virtual void keep_unread() = 0;  // copies the bytes that are not used yet
  // True: no byte of a response has arrived on this stream.
  virtual bool is_untouched(StreamId stream) const = 0;

  // The next interim response, or the final one, or a 101; nothing: none is complete.
  virtual Result<std::optional<Response>> read_head(StreamId stream) = 0;
  // The next part of the response's body. The stream is over after kEnd.
  virtual Result<BodyPiece> read_body(StreamId stream) = 0;

  virtual CodecOutput drain() = 0;
};

}  // namespace culvert::http
