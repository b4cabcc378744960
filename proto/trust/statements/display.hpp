// How a statement and other texts of strangers stand on a terminal so that no part of them looks
// like a line of its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::trust {

// The text in rows that no terminal draws wider than `columns` (at least 8 are used). No row begins
// with a combining character, so none is drawn over what stands before the row. The text ends where
// it is not UTF-8.
std::vector<std::string_view> wrap(std::string_view text, std::size_t columns);

// What an approver is shown: the signed text itself. Every row of the reason has the prefix "  | ",
// at most 60 columns after it. On a terminal of `columns` columns (0: no terminal) a longer line
// goes on in rows with the same prefix, so each row without it begins a field of the text.
std::string display_text(std::string_view text, std::size_t columns = 0);

}  // namespace culvert::trust
