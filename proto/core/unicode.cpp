#include "proto/core/unicode.hpp"

#include <algorithm>

#include "proto/core/unicode_tables.hpp"

namespace culvert::unicode {
namespace {

bool holds(std::span<const Range> ranges, char32_t point) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), point,
                                      [](char32_t p, const Range& r) { return p < r.first; });
  return after != ranges.begin() && point <= (after - 1)->last;
}

}  // namespace

bool is_starter(char32_t point) { return holds(kStarters, point); }
bool is_mark(char32_t point) { return holds(kMarks, point); }
bool is_combining(char32_t point) { return holds(kCombining, point); }

std::size_t columns(char32_t point) {
  if (point < 0x80) return 1;
  if (is_combining(point)) return 0;
  return holds(kWide, point) ? 2 : 1;
}

std::size_t most_columns(char32_t point) { return point < 0x80 || is_combining(point) ? 1 : 2; }

}  // namespace culvert::unicode
