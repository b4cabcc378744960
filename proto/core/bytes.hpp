// Byte spans, fixed-endian loads and stores, hex and base64, and bounds-checked readers and
// writers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace culvert {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

inline ByteView view(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView bytes) { return {bytes.begin(), bytes.end()}; }
inline Bytes to_bytes(std::string_view s) { return to_bytes(view(s)); }
inline void append(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }
inline bool equal(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

// T is an unsigned integer; `from` and `to` hold at least sizeof(T) bytes.
template <class T>
T load_be(const std::uint8_t* from) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = (value << 8U) | from[i];
  return static_cast<T>(value);
}
template <class T>
T load_le(const std::uint8_t* from) {
  T value = 0;
  std::memcpy(&value, from, sizeof(T));  // every platform we build for is little-endian
  return value;
}
template <class T>
void store_be(std::uint8_t* to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    to[i] = static_cast<std::uint8_t>(std::uint64_t{value} >> (8 * (sizeof(T) - 1 - i)));
  }
}
template <class T>
void store_le(std::uint8_t* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

std::string to_hex(ByteView bytes);                       // lower case
std::optional<Bytes> from_hex(std::string_view hex);      // lower case only, even length
std::string to_base64(ByteView bytes);                    // RFC 4648 §4, padded
std::optional<Bytes> from_base64(std::string_view text);  // canonical only: padding, zero tail bits

// Reads from the front; a read past the end fails and leaves the reader failed for good.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  template <class T>
  T be() {
    auto raw = take(sizeof(T));
    return raw.empty() ? T{0} : load_be<T>(raw.data());
  }
  ByteView take(std::size_t n) {
    if (n > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    auto out = rest_.first(n);
    rest_ = rest_.subspan(n);
    return out;
  }
  template <std::size_t N>
  std::array<std::uint8_t, N> array() {
    std::array<std::uint8_t, N> out{};
    auto raw = take(N);
    if (!raw.empty()) std::memcpy(out.data(), raw.data(), N);
    return out;
  }
  ByteView rest() const { return rest_; }
  bool ok() const { return ok_; }                     // no read went past the end
  bool done() const { return ok_ && rest_.empty(); }  // no read went past the end, nothing is left

 private:
  ByteView rest_;
  bool ok_ = true;
};

// Appends to a Bytes that the caller owns.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}

  template <class T>
  Writer& be(T value) {
    std::array<std::uint8_t, sizeof(T)> raw{};
    store_be(raw.data(), value);
    append(out_, raw);
    return *this;
  }
  Writer& bytes(ByteView more) {
    append(out_, more);
    return *this;
  }

 private:
  Bytes& out_;
};

}  // namespace culvert
