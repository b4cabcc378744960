// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <optional>
#include <string_view>

namespace culvert {

// Takes one code point off the front of `rest`; nothing when `rest` is empty or does not begin with
// UTF-8.
std::optional<char32_t> take_code_point(std::string_view& rest);

}  // namespace culvert
