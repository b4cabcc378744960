// Strong types: each meaning has its own type. A value of T that converts to nothing implicitly.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "proto/core/bytes.hpp"

namespace culvert {

// using PeerIndex = Strong<struct PeerIndexTag, std::uint32_t>;
template <class Tag, class T>
struct Strong {
  T value{};

  Strong() = default;
  explicit Strong(T v) : value(std::move(v)) {}
  friend auto operator<=>(const Strong&, const Strong&) = default;
};

// N public bytes with a meaning (keys, hashes, identifiers). Secrets are crypto::Secret.
template <class Tag, std::size_t N>
struct FixedBytes {
  static constexpr std::size_t kSize = N;
  std::array<std::uint8_t, N> bytes{};

  static std::optional<FixedBytes> from(ByteView raw) {
    if (raw.size() != N) return std::nullopt;
    FixedBytes out;
    std::memcpy(out.bytes.data(), raw.data(), N);
    return out;
  }
  ByteView view() const { return bytes; }
  std::string hex() const { return to_hex(bytes); }
  bool is_zero() const { return *this == FixedBytes{}; }

  friend auto operator<=>(const FixedBytes&, const FixedBytes&) = default;
};

}  // namespace culvert

template <class Tag, class T>
struct std::hash<culvert::Strong<Tag, T>> {
  std::size_t operator()(const culvert::Strong<Tag, T>& s) const noexcept {
    return std::hash<T>{}(s.value);
  }
};
template <class Tag, std::size_t N>
struct std::hash<culvert::FixedBytes<Tag, N>> {
  std::size_t operator()(const culvert::FixedBytes<Tag, N>& b) const noexcept {
    static_assert(N >= 8);
    return static_cast<std::size_t>(culvert::load_le<std::uint64_t>(b.bytes.data()));
  }
};
