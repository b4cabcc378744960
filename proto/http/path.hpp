// The path of a request (RFC 3986, section 3.3), normalised to one spelling. The path comes from a
// request's target or from a configured route; the normalised path chooses the route and goes to
// the upstream.
#pragma once

#include <string>
#include <string_view>

#include "proto/core/result.hpp"

namespace culvert::http {

// The normalised path: percent-encoded unreserved characters are decoded, hex digits are in upper
// case. kInvalid for every path that the upstream could understand in another way than the routes
// do:
//   - characters that RFC 3986 does not allow, ';' and '\', encoded '/', '\', ';', '%' and controls
//     (C0, DEL, C1), and characters that compatibility normalisation turns into one of them;
//   - bytes that are not strict UTF-8 (overlong forms, surrogates);
//   - empty segments (a last empty one is fine), and segments that are only dots and spaces, or
//     begin with dots before a special character ("..", "...", "..%20", "..,", "..:"), also with
//     invisible characters in between.
Result<std::string> normal_path(std::string_view raw);

}  // namespace culvert::http
