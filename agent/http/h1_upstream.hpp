// The upstream codec of HTTP/1.1 (RFC 9112). One stream at a time. The connection is used again
// when request and response are complete, the upstream keeps the connection, and no byte has
// arrived that belongs to no response; otherwise can_open() is false for good. Memory: a head and
// one read.
#pragma once

#include "agent/http/h1_head.hpp"
#include "agent/http/input.hpp"
#include "agent/http/upstream_codec.hpp"

namespace culvert::http {

class H1Upstream final : public UpstreamCodec {
 public:
  bool can_open() const override { return reusable_ && !open_; }
  StreamId open(const Request& request) override;
  void body(StreamId stream, ByteView data) override;
  void finish(StreamId stream, const HttpHeaders& trailers) override;
  void cancel(StreamId stream) override;

  void handle_bytes(ByteView bytes) override;
  bool handle_end() override;
  void keep_unread() override { in_.keep(); }
  bool is_untouched(StreamId) const override { return open_ && !open_->touched; }

  Result<std::optional<Response>> read_head(StreamId stream) override;
  Result<BodyPiece> read_body(StreamId stream) override;

  CodecOutput drain() override { return std::exchange(out_, {}); }

 private:
  // The open stream, from its request's head to its response's end.
  struct Open {
    Request request;  // without its headers
    bool request_done = false;
    bool touched = false;  // a byte of a response has arrived
    bool tunnel = false;
    std::optional<Response> response;  // the final one, without its headers
    BodyReader body;                   // of `response`
  };
  bool is_body_over() const;

  Input in_;
  HeadParser<ResponseHead> parser_{kResponseLimits};  // parses in_
  std::uint32_t requests_ = 0;
  std::optional<Open> open_;
  bool reusable_ = true;
  bool ended_ = false;  // the upstream has half-closed
  CodecOutput out_;
};

}  // namespace culvert::http
