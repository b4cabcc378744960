// Message bodies of HTTP/1.1 (RFC 9112 §6, §7): the length of a body, reading a body from the bytes
// of a connection, and writing a body.
//
// A chunked body is decoded and written again as new chunks. A body with chunk extensions is
// refused. The trailers after the last chunk are parsed; the caller decides which of them go on.
#pragma once

#include <cstdint>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/http/head.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxSizeDigits = 15;  // hex digits of a chunk's size: below 2^60
inline constexpr std::size_t kMaxTrailerSize = 8U << 10U;  // bytes of all trailers of a body
inline constexpr std::size_t kMaxTrailers = 32;

// How the end of a body is found.
struct Framing {
  enum class Kind {
    kNone,        // there is no body
    kLength,      // Content-Length
    kChunked,     // Transfer-Encoding: chunked, or a body of unknown length that will be chunked
    kUntilClose,  // the end of the connection
  };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // bytes, of a kLength body

  bool has_body() const { return kind != Kind::kNone && (kind != Kind::kLength || length > 0); }
  friend bool operator==(const Framing&, const Framing&) = default;
};

class BodyReader {
 public:
  explicit BodyReader(Framing framing = {});

  struct Piece {
    std::size_t used = 0;  // bytes of the input that belong to the body
    ByteView data;         // the body's data in these bytes
  };
  // The next piece. Call take() again with the bytes after `used`, until done() or `used` is 0. An
  // error is final.
  Result<Piece> take(ByteView bytes);
  bool done() const { return done_; }  // never true for kUntilClose
  // The trailers as the sender wrote them, once done(). Empty for a body that is not chunked.
  HttpHeaders take_trailers() { return std::move(trailers_); }

 private:
  enum class At { kSizeStart, kSize, kSizeLf, kData, kDataCr, kDataLf, kTrailers };
  Result<Piece> take_chunked(ByteView bytes);
  Status step(std::uint8_t byte);
  Status step_size(std::uint8_t byte);
  Status step_trailers(std::uint8_t byte);

  Framing framing_;
  At at_ = At::kSizeStart;
  std::uint64_t left_;      // bytes left of the body, or of the chunk
  std::size_t digits_ = 0;  // digits of the chunk's size so far
  Bytes trailer_bytes_;     // the trailer section so far
  HttpHeaders trailers_;    // the parsed trailer section, once done_
  bool done_;
};

// Appends `data` in its form on the wire: unchanged, or as one chunk. Appends nothing when `data`
// is empty.
void append_body(Bytes& out, ByteView data, bool chunked);
// Appends the last chunk and the trailer section (RFC 9112 §7.1, §7.1.2).
void append_last_chunk(Bytes& out, const HttpHeaders& trailers);

}  // namespace culvert::http
