// How a statement, and any other text that a stranger wrote, is shown on a terminal. No part of the
// text can look like a line of the program's own output.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::trust {

// Splits the text into rows that no terminal draws wider than `columns` (at least 8 are used). No
// row begins with a combining character, so no character is drawn over the text before the row. The
// rows end where the text is not UTF-8.
std::vector<std::string_view> wrap(std::string_view text, std::size_t columns);

// What an approver is shown: the signed text. Every row of the reason has the prefix "  | " and at
// most 60 columns after the prefix. On a terminal of `columns` columns (0: no terminal) a longer
// line continues in rows with the same prefix, so a row without the prefix always begins a field of
// the text.
std::string display_text(std::string_view text, std::size_t columns = 0);

}  // namespace culvert::trust
