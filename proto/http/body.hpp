// Message bodies (RFC 9112 §6, §7): how long one is, and its bytes out of the connection's. A
// chunked body is read to its data and written again as chunks of our own; chunk extensions are
// refused, trailers are checked and dropped.
#pragma once

#include <cstdint>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"

namespace culvert::http {

inline constexpr std::size_t kMaxSizeDigits = 15;  // of a chunk's size: hexadecimal, below 2^60
inline constexpr std::size_t kMaxTrailerSize = 8U << 10U;
inline constexpr std::size_t kMaxTrailers = 32;
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

struct Framing {
  enum class Kind { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // of kLength

  friend bool operator==(const Framing&, const Framing&) = default;
};

class BodyReader {
 public:
  explicit BodyReader(Framing framing = {});

  struct Piece {
    std::size_t used = 0;  // bytes of the input that belong to the body
    ByteView data;         // within them
  };
  // The next piece; call again with what is left, until done() or nothing is used. After an error
  // it is of no more use.
  Result<Piece> take(ByteView bytes);
  bool done() const { return done_; }  // kUntilClose never is

 private:
  enum class At { kSizeStart, kSize, kSizeLf, kData, kDataCr, kDataLf, kTrailers };
  Result<Piece> take_chunked(ByteView bytes);
  Status step(std::uint8_t byte);
  Status step_size(std::uint8_t byte);
  Status step_trailers(std::uint8_t byte);

  Framing framing_;
  At at_ = At::kSizeStart;
  std::uint64_t left_;      // of the body, or of the chunk
  std::size_t digits_ = 0;  // of the chunk's size
  Bytes trailers_;          // so far
  bool done_;
};

// Appends `data` as it goes on the wire: as it is, or as one chunk. Nothing when it is empty.
void append_body(Bytes& out, ByteView data, bool chunked);

}  // namespace culvert::http
