// The code points that a reason may hold, and how a terminal draws them, as ranges. Each table is
// ascending and its ranges do not touch. unicode.hpp has the functions that look code points up.
#pragma once

#include <span>

namespace culvert::unicode {

struct Range {
  char32_t first;
  char32_t last;
};

extern const std::span<const Range> kStarters;
extern const std::span<const Range> kMarks;
extern const std::span<const Range> kCombining;
extern const std::span<const Range> kWide;

}  // namespace culvert::unicode
