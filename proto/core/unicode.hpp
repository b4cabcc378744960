// Which code points a text of others may hold, and how wide they are (Unicode 14.0.0).
#pragma once

#include <cstddef>

namespace culvert::unicode {

// How many combining characters (is_combining) may follow each other: more of them make a stack
// that covers the lines above and below.
inline constexpr std::size_t kMaxCombining = 4;

// Assigned, visible, composes with nothing before it, combining class 0. Not visible are controls,
// format characters (bidirectional ones too), every space but U+0020 and every blank letter.
bool is_starter(char32_t point);
// The same with another combining class. A text of starters and marks in which no mark follows a
// mark is in Normalization Form C (UAX #15, section 9, quick check).
bool is_mark(char32_t point);
// A starter or mark that is drawn over, under or around the character before it.
bool is_combining(char32_t point);

// The columns that a terminal usually gives a starter or mark: 0, 1 or 2.
std::size_t columns(char32_t point);
// The most columns that any terminal gives a starter or mark: some terminals draw every character
// beyond ASCII two columns wide, and combining characters beside the character before them.
std::size_t most_columns(char32_t point);

}  // namespace culvert::unicode
