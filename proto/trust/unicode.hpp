// Which code points a reason may hold (Unicode 14.0.0).
#pragma once

namespace culvert::trust::unicode {

// Assigned, visible, composes with nothing before it, combining class 0.
bool is_starter(char32_t point);
// The same with another combining class. A text of starters and marks in which no mark follows a
// mark is in Normalization Form C (UAX #15, section 9, quick check).
bool is_mark(char32_t point);

}  // namespace culvert::trust::unicode
