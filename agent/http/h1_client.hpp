// The client codec of HTTP/1.1 (RFC 9112). One stream at a time: requests are answered in order,
// and a pipelined request waits until the response before it is complete.
//
// The connection ends after a response when the client or the request asks for it, when the request
// asked for an upgrade that was not granted, when the response came before the end of the request's
// body, and after every refusal. Memory: a head, or kMaxPipelined bytes and one read.
#pragma once

#include "agent/http/client_codec.hpp"
#include "agent/http/h1_head.hpp"
#include "agent/http/input.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxPipelined = 64U << 10U;  // with so many, the client is not read

class H1Client final : public ClientCodec {
 public:
  void handle_bytes(ByteView bytes) override;
  void handle_end() override { client_ended_ = true; }
  void keep_unread() override { in_.keep(); }
  bool wants_bytes() const override { return in_.size() < kMaxPipelined; }
  bool within_head() const override { return !open_ && !in_.empty(); }

  Result<std::optional<Incoming>, Refusal> next_request() override;
  Result<BodyPiece, Refusal> read_body(StreamId stream) override;

  void interim(StreamId stream, const Response& response) override;
  void head(StreamId stream, const Response& response) override;
  Result<void, Refusal> switch_protocols(StreamId stream, const Response& response) override;
  void body(StreamId stream, ByteView data) override;
  void finish(StreamId stream, const HttpHeaders& trailers) override;
  void refuse(std::optional<StreamId> stream, const Refusal& refusal) override;
  void reset(StreamId stream, EndKind kind, const std::string& why) override;

  CodecOutput drain() override { return std::exchange(out_, {}); }
  const std::optional<End>& end() const override { return end_; }

 private:
  // The open stream, from its request's head to its response's end.
  struct Open {
    std::string method;
    std::string upgrade;  // that the request asked for
    bool keep_alive = true;
    BodyReader body;
    bool chunked = false;        // the response's body is written in chunks
    bool last = false;           // the connection ends after the response
    bool tunnel = false;         // after a 101
    bool request_done = false;   // of a tunnel: read_body() has returned its end
    bool response_done = false;  // of a tunnel: finish() was called
  };
  BodyPiece read_tunnel();
  void end_tunnel_when_done();
  void end_with(bool at_once, EndKind kind, std::string reason);

  Input in_;
  HeadParser<RequestHead> parser_{kRequestLimits};  // parses in_
  std::uint32_t requests_ = 0;
  std::optional<Open> open_;
  bool client_ended_ = false;
  CodecOutput out_;
  std::optional<End> end_;
};

}  // namespace culvert::http
