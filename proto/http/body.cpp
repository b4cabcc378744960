#include "proto/http/body.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "proto/core/ascii.hpp"

namespace culvert::http {
namespace {

tl::unexpected<Error> bad(const char* why) {
  return fail(ErrorCode::kInvalid, std::string("HTTP: ") + why);
}

}  // namespace

BodyReader::BodyReader(Framing framing)
    : framing_(framing),
      left_(framing.kind == Framing::Kind::kLength ? framing.length : 0),
      done_(!framing.has_body()) {}

Result<BodyReader::Piece> BodyReader::take(ByteView bytes) {
  if (done_) return Piece{};
  switch (framing_.kind) {
    case Framing::Kind::kNone:
      return Piece{};
    case Framing::Kind::kUntilClose:
      return Piece{bytes.size(), bytes};
    case Framing::Kind::kLength: {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      left_ -= size;
      done_ = left_ == 0;
      return Piece{size, bytes.first(size)};
    }
    case Framing::Kind::kChunked:
      return take_chunked(bytes);
  }
  return Piece{};
}

Result<BodyReader::Piece> BodyReader::take_chunked(ByteView bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !done_) {
    if (at_ == At::kData) {
      const auto size =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - used));
      left_ -= size;
      if (left_ == 0) at_ = At::kDataCr;
      return Piece{used + size, bytes.subspan(used, size)};
    }
    if (auto ok = step(bytes[used++]); !ok) return fail_with(ok.error());
  }
  return Piece{used, {}};
}

Status BodyReader::step(std::uint8_t byte) {
  switch (at_) {
    case At::kSizeStart:
    case At::kSize:
      return step_size(byte);
    case At::kSizeLf:
      if (byte != '\n') return bad("a bare CR after a chunk's size");
      at_ = left_ == 0 ? At::kTrailers : At::kData;
      return {};
    case At::kData:
      return {};  // not reached: take_chunked() handles the data of a chunk
    case At::kDataCr:
      if (byte != '\r') return bad("a chunk is longer than its size");
      at_ = At::kDataLf;
      return {};
    case At::kDataLf:
      if (byte != '\n') return bad("a bare CR after a chunk");
      at_ = At::kSizeStart;
      return {};
    case At::kTrailers:
      return step_trailers(byte);
  }
  return {};
}

// chunk-size = 1*HEXDIG and nothing else: no sign, no space, no extension.
Status BodyReader::step_size(std::uint8_t byte) {
  if (at_ == At::kSizeStart) {
    left_ = 0;
    digits_ = 0;
    at_ = At::kSize;
  }
  if (byte == '\r' && digits_ > 0) {
    at_ = At::kSizeLf;
    return {};
  }
  const auto digit = hex_digit(static_cast<char>(byte));
  if (!digit) return bad("a chunk's size is not a plain hexadecimal number");
  if (++digits_ > kMaxSizeDigits) return bad("a chunk's size has too many digits");
  left_ = left_ * 16 + *digit;
  return {};
}

Status BodyReader::step_trailers(std::uint8_t byte) {
  trailer_bytes_.push_back(byte);
  if (byte != '\n' && trailer_bytes_.size() < kMaxTrailerSize) return {};
  auto parsed = parse_trailers(trailer_bytes_, {kMaxTrailers, kMaxTrailerSize});
  if (!parsed) return fail_with(parsed.error());
  if (parsed->size == 0) return {};  // more lines follow
  done_ = true;
  trailers_ = std::move(parsed->head);
  return {};
}

void append_body(Bytes& out, ByteView data, bool chunked) {
  if (data.empty()) return;
  if (chunked) {
    std::array<char, 16> size{};
    const auto end = std::to_chars(size.data(), size.data() + size.size(), data.size(), 16).ptr;
    append(out, view({size.data(), static_cast<std::size_t>(end - size.data())}));
    append(out, view("\r\n"));
  }
  append(out, data);
  if (chunked) append(out, view("\r\n"));
}

void append_last_chunk(Bytes& out, const HttpHeaders& trailers) {
  append(out, view("0\r\n"));
  for (const auto& [name, value] : trailers.list()) {
    append(out, view(name));
    append(out, view(": "));
    append(out, view(value));
    append(out, view("\r\n"));
  }
  append(out, view("\r\n"));
}

}  // namespace culvert::http
