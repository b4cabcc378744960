// The two codecs of a session: a client codec speaks HTTP on the client's connection, an upstream
// codec speaks HTTP on one connection to an upstream. A codec turns the bytes of its connection
// into requests and responses and writes the others; it knows nothing of routes, identities,
// deadlines or logs. Pure: no sockets, no clock.
//
//   client's bytes → ClientCodec → Session and Exchange → UpstreamCodec → upstream's bytes
//   client's bytes ← ClientCodec ← Session and Exchange ← UpstreamCodec ← upstream's bytes
//
// Streams. One request and its response are a stream. Each connection numbers its own streams
// (StreamId). HTTP/1.1 has at most one open stream on a connection; HTTP/2 has many (RFC 9113 §5).
//
// Reading. Bytes go in by handle_bytes(); the session then asks for what they mean, until the codec
// has nothing more. handle_bytes() does not copy: the codec may keep a view of the bytes until
// keep_unread(), which the session calls before it returns to the owner of the bytes.
//
// Back-pressure. Body bytes that the session does not ask for stay in the codec, which bounds them:
// HTTP/1.1 by wants_bytes() (the connection is not read), HTTP/2 by the window of the stream, which
// grows by the bytes that read_body() has returned (RFC 9113 §5.2). The session asks for a body
// once the connection to its upstream is made. While an upstream is full, the shell does not read
// the client's connection; while the client is full, it reads no upstream. A session has one
// exchange at a time, so a full side holds up no other; HTTP/2 will need this for each stream: the
// session asks only for bodies whose receiver has room, and the shell reads on.
//
// Tunnels. After the response 101 of a request with an upgrade, the bodies of the stream are the
// tunnel's bytes, and the end of a body is a half-close. (HTTP/2: extended CONNECT, RFC 8441.)
//
// Cancellation. refuse(), reset() and cancel() end one stream. HTTP/2 sends RST_STREAM, and the
// connection goes on. HTTP/1.1 cannot: end() or can_open() then says that the connection is over.
#pragma once

#include <cstdint>

#include "agent/http/message.hpp"

namespace culvert::http {

enum class StreamId : std::uint32_t {};  // of one connection; HTTP/1.1 counts 1, 2, 3 …

// A part of a body.
struct BodyPiece {
  enum class Then {
    kMore,       // more follows; with empty `data`: more bytes of the connection are needed
    kEnd,        // the body is complete
    kCancelled,  // the sender has given up the stream, or its connection has ended too early
  };
  ByteView data;  // valid until the next call to the codec
  Then then = Then::kMore;
  HttpHeaders trailers = {};  // with kEnd; as the sender wrote them
};

// The bytes of a connection that a codec has written, and whether to half-close after them.
struct CodecOutput {
  Bytes bytes;
  bool finish = false;
};

}  // namespace culvert::http
