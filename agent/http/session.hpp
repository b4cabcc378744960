// One client connection that speaks HTTP, without its sockets: bytes and time in, effects out. The
// session joins three things, each of which can be replaced without the others:
//
//   a client codec    bytes ↔ requests and responses on the client's connection
//   exchanges         one for each open stream: judgement, route, identity, deadline, log
//   upstream codecs   one for each connection to an upstream: the same bytes and messages again
//
// A request's way: handle_client() → client codec → Exchange::judge() → a connection to the
// upstream (a kept one, or Effects) → upstream codec → drain(). A response comes back by
// handle_upstream(). Every request is parsed, checked and written anew; only bodies and, after a
// 101, the tunnel's bytes are copied. A connection to an upstream serves this client only; it is
// used again while client and upstream keep it open, and closed when the next request is for
// another upstream.
//
// Memory: what the codecs hold. The shell keeps the bytes to send, and pauses the reading of one
// side while the other side is full.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/http/client_codec.hpp"
#include "agent/http/effects.hpp"
#include "agent/http/exchange.hpp"
#include "agent/http/upstream_codec.hpp"

namespace culvert::http {

inline constexpr Duration kHeadTime = 15s;       // from a head's first byte to its last
inline constexpr Duration kKeepAliveTime = 75s;  // between requests

struct Codecs {
  std::unique_ptr<ClientCodec> client;
  std::function<std::unique_ptr<UpstreamCodec>()> upstream;  // for a new connection
};
Codecs h1_codecs();  // HTTP/1.1 on both sides

class Session {
 public:
  Session(SessionOptions options, Now now, Codecs codecs = h1_codecs());
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void handle_client(Now now, ByteView bytes);
  void handle_client_end(Now now);  // the client has half-closed
  // Events of a connection that the session has closed have no effect.
  void handle_connected(Now now, UpstreamId from);
  void handle_upstream(Now now, UpstreamId from, ByteView bytes);
  void handle_upstream_end(Now now, UpstreamId from);  // half-closed, cleanly
  // The connection is lost, or could not be made.
  void handle_upstream_lost(Now now, UpstreamId from, const std::string& why);
  void handle_progress(Now now);  // a side that was full has taken bytes
  void handle_timeout(Now now);
  void abandon(Now now, const std::string& why);  // the flow is over: logs the open requests

  Instant next_deadline() const;
  bool wants_client() const { return codecs_.client->wants_bytes(); }
  void drain(Effects& into);  // `into` is replaced

 private:
  struct Upstream {
    std::size_t index = 0;
    std::unique_ptr<UpstreamCodec> codec;
    bool connected = false;              // and not lost
    bool used = false;                   // has answered a request; it may have closed since then
    std::optional<std::size_t> connect;  // not passed to the shell yet
  };
  struct Stream {
    Exchange exchange;
    std::optional<UpstreamId> upstream;   // the connection that serves the stream
    std::optional<StreamId> on_upstream;  // set when the head was sent there
  };
  using Streams = std::map<StreamId, Stream>;
  using Place = Streams::iterator;

  void run(Now now);
  bool step(Now now);
  bool take_request(Now now);
  void reach(Now now, Stream& stream, std::size_t index);
  void send_head(Now now, Stream& stream);
  void pump_request(Now now, Place at);
  void pump_response(Now now, Place at);
  bool read_response_head(Now now, Place at);
  void pass_body(Now now, Place at);
  void finish_response(Now now, Place at);
  void lose_stream(Now now, Place at, const std::string& why);
  bool try_again(Now now, Stream& stream);
  void refuse(Now now, Place at, const Refusal& refusal);
  void reset(Now now, Place at, EndKind kind, const std::string& why);
  void refuse_connection(Now now, const Refusal& refusal);
  void close(Now now, Place at, std::optional<std::string> error);
  void end(Now now, End how);
  Upstream* upstream_of(const Stream& stream);
  void release(Stream& stream, bool gently);
  void close_upstream(UpstreamId id, bool gently);
  bool serves_a_stream(UpstreamId id) const;

  SessionOptions options_;
  Codecs codecs_;
  Streams streams_;
  std::map<UpstreamId, Upstream> upstreams_;
  std::vector<UpstreamEffect> closed_;  // the last effects of closed connections
  std::uint32_t connections_ = 0;
  std::uint64_t requests_ = 0;
  Instant progress_;                       // time of the last byte of any side
  Instant head_since_ = Instant::never();  // time of the first byte of an incomplete request head
  std::optional<End> end_;
  bool end_drained_ = false;
};

}  // namespace culvert::http
