// The path of a request (RFC 3986, section 3.3) in one spelling.
#pragma once

#include <string>
#include <string_view>

#include "proto/core/result.hpp"

namespace culvert::http {

// A path whose routing and whose meaning at the upstream cannot differ: percent-encoded unreserved
// characters decoded, hex digits in upper case. Refused:
//   - characters that RFC 3986 does not allow, ';' and '\', encoded '/', '\', ';', '%' and controls
//     (C0, DEL, C1), and characters that compatibility forms turn into one of these;
//   - bytes that are not strict UTF-8 (overlong forms, surrogates);
//   - empty segments (a last empty one is fine), and segments that are only dots and spaces, or
//     begin with dots before a special character ("..", "...", "..%20", "..,", "..:"), whatever
//     characters that have no shape stand between.
Result<std::string> normal_path(std::string_view raw);

}  // namespace culvert::http
