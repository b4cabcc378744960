// Message bodies (RFC 9112 §6, §7): the length of a body, and reading a body from the bytes of a
// connection. A chunked body is decoded and written again as chunks of our own; chunk extensions
// are refused, trailers are checked and dropped.
#pragma once

#include <cstdint>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxSizeDigits = 15;  // hex digits of a chunk's size: below 2^60
inline constexpr std::size_t kMaxTrailerSize = 8U << 10U;
inline constexpr std::size_t kMaxTrailers = 32;
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

struct Framing {
  enum class Kind { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // bytes, of a kLength body

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
  Bytes trailers_;          // the trailer section so far
  bool done_;
};

// Appends `data` in its form on the wire: unchanged, or as one chunk. Appends nothing when `data`
// is empty.
void append_body(Bytes& out, ByteView data, bool chunked);

}  // namespace culvert::http
