// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <optional>
#include <string_view>

namespace culvert {

// Takes one code point off the front; nothing where the bytes are not UTF-8 (or there are none).
std::optional<char32_t> take_code_point(std::string_view& rest);

}  // namespace culvert
