// The codec of a client's connection: requests in, responses out (codec.hpp).
#pragma once

#include <optional>
#include <string>

#include "agent/http/codec.hpp"
#include "proto/core/result.hpp"

namespace culvert::http {

// A request whose head is complete.
struct Incoming {
  StreamId stream{};
  std::string method;  // also of a refused request
  Result<Request, Refusal> request;
};

// Why a client's connection ends.
enum class EndKind {
  kFinished,  // after its last response, at a boundary between requests
  kCutShort,  // the client has ended within a request
  kIdle,      // no byte for too long
  kRefused,   // after a refusal
  kBroken,    // within a response, because of an error
  kCut,       // the owner of the session ends it
};
struct End {
  bool at_once = false;  // false: all written bytes are still sent
  EndKind kind = EndKind::kFinished;
  std::string reason;  // for the audit log
};

class ClientCodec {
 public:
  ClientCodec() = default;
  ClientCodec(const ClientCodec&) = delete;
  ClientCodec& operator=(const ClientCodec&) = delete;
  virtual ~ClientCodec() = default;

  virtual void handle_bytes(ByteView bytes) = 0;
  virtual void handle_end() = 0;         // the client has half-closed
  virtual void keep_unread() = 0;        // copies the bytes that are not used yet
  virtual bool wants_bytes() const = 0;  // false: the client should not be read for now
  virtual bool within_head() const = 0;  // a part of a head has arrived, and no stream is open

  // The next request; nothing: none is complete. An error is one of the whole connection.
  virtual Result<std::optional<Incoming>, Refusal> next_request() = 0;
  // The next part of the request's body. An error: the body is malformed.
  virtual Result<BodyPiece, Refusal> read_body(StreamId stream) = 0;

  // The response, in this order: any number of interim() and then either head(), body()* and end()
  // or switch_protocols(), body()* and end().
  virtual void interim(StreamId stream, const Response& response) = 0;
  virtual void head(StreamId stream, const Response& response) = 0;
  virtual Result<void, Refusal> switch_protocols(StreamId stream, const Response& response) = 0;
  virtual void body(StreamId stream, ByteView data) = 0;  // copies
  virtual void finish(StreamId stream, const HttpHeaders& trailers) = 0;

  // Answers a request whose response has not begun. Without a stream: answers an error of the whole
  // connection (HTTP/2: GOAWAY).
  virtual void refuse(std::optional<StreamId> stream, const Refusal& refusal) = 0;
  // Ends a stream whose response has begun, so that the client does not take the response for
  // complete.
  virtual void reset(StreamId stream, EndKind kind, const std::string& why) = 0;

  virtual CodecOutput drain() = 0;
  virtual const std::optional<End>& end() const = 0;  // set: the connection is over
};

}  // namespace culvert::http
