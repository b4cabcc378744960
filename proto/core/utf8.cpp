#include "proto/core/utf8.hpp"

#include <cstdint>

namespace culvert {
namespace {

struct Lead {
  std::size_t size;
  char32_t bits;
  char32_t least;  // least code point of this length: a smaller one is an overlong form
};

std::optional<Lead> lead_of(std::uint8_t byte) {
  if (byte < 0x80) return Lead{1, byte, 0};
  if (byte >= 0xC2 && byte < 0xE0) return Lead{2, byte & 0x1FU, 0x80};
  if (byte >= 0xE0 && byte < 0xF0) return Lead{3, byte & 0x0FU, 0x800};
  if (byte >= 0xF0 && byte < 0xF5) return Lead{4, byte & 0x07U, 0x10000};
  return std::nullopt;
}

}  // namespace

std::optional<char32_t> take_code_point(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const auto lead = lead_of(static_cast<std::uint8_t>(rest.front()));
  if (!lead || rest.size() < lead->size) return std::nullopt;
  char32_t point = lead->bits;
  for (std::size_t i = 1; i < lead->size; ++i) {
    const auto byte = static_cast<std::uint8_t>(rest[i]);
    if ((byte & 0xC0U) != 0x80U) return std::nullopt;
    point = (point << 6U) | (byte & 0x3FU);
  }
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < lead->least || point > 0x10FFFF || surrogate) return std::nullopt;
  rest.remove_prefix(lead->size);
  return point;
}

}  // namespace culvert
