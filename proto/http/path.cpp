#include "proto/http/path.hpp"

#include <algorithm>

#include "proto/core/ascii.hpp"
#include "proto/core/utf8.hpp"

namespace culvert::http {
namespace {

bool is_unreserved(int c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}
// pchar and '/' (RFC 3986 §3.3) without ';': some servers cut a segment off at ';'.
bool is_path_char(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,=:@/").find(c) != std::string_view::npos;
}

tl::unexpected<Error> bad(const char* why) { return fail(ErrorCode::kInvalid, why); }

// Spaces and invisible characters that some servers trim from a name before they look it up:
// White_Space, and those of Default_Ignorable_Code_Point and Cf that trimming functions know.
bool is_trimmed(char32_t point) {
  return point == ' ' || point == 0xA0 || point == 0xAD || point == 0x34F || point == 0x1680 ||
         point == 0x180E || (point >= 0x2000 && point <= 0x200F) ||
         (point >= 0x2028 && point <= 0x202F) || (point >= 0x205F && point <= 0x206F) ||
         point == 0x3000 || (point >= 0xFE00 && point <= 0xFE0F) || point == 0xFEFF ||
         (point >= 0xE0000 && point <= 0xE0FFF);
}
// Characters that compatibility normalisation (NFKC) or the best-fit tables of Windows turn into a
// dot.
bool is_dot(char32_t point) {
  return point == '.' || (point >= 0x2024 && point <= 0x2026) || point == 0x3002 ||
         point == 0xFE52 || point == 0xFF0E || point == 0xFF61;
}
// Characters that NFKC or the best-fit tables of Windows turn into '/', '\\', '%' or ';'.
bool is_delimiter_alike(char32_t point) {
  constexpr std::u32string_view kAlike =
      U"\u2044\u2215\u2216\u29F5\u29F8\u29F9\uFE54\uFE68\uFE6A\uFF05\uFF0F\uFF1B\uFF3C";
  return kAlike.find(point) != std::u32string_view::npos;
}
bool is_letter_or_digit(char32_t point) {
  return (point >= '0' && point <= '9') || (point >= 'A' && point <= 'Z') ||
         (point >= 'a' && point <= 'z') || point == '-' || point == '_' || point == '~' ||
         (point >= 0x80 && !is_trimmed(point) && !is_dot(point));
}

// Checks one decoded segment, not empty. A server that trims or normalises the segment, or cuts it
// off at a special character, must not get "." or "..".
Status check_segment(std::string_view segment) {
  std::size_t dots = 0;
  bool leading = true;  // only dots and trimmed characters so far
  bool named = false;   // the segment has another character
  while (!segment.empty()) {
    const auto point = take_code_point(segment);
    if (!point) return bad("bytes in the path that are not UTF-8");
    if (*point >= 0x80 && *point < 0xA0) return bad("an encoded control character in the path");
    if (is_delimiter_alike(*point)) return bad("a character in the path that imitates a delimiter");
    if (is_trimmed(*point)) continue;
    if (leading && is_dot(*point)) {
      ++dots;
      continue;
    }
    if (leading && dots > 0 && !is_letter_or_digit(*point)) return bad("a dot segment in the path");
    leading = false;
    named = true;
  }
  if (!named) return bad("a dot segment in the path, or one of spaces");
  return {};
}

// `decoded` has the same segments as the path: an encoded '/' was refused before.
Status check_segments(std::string_view decoded) {
  std::string_view rest = decoded.substr(1);
  while (true) {
    const auto slash = rest.find('/');
    const auto segment = rest.substr(0, slash);
    if (segment.empty() && slash != std::string_view::npos) {
      return bad("an empty segment in the path");
    }
    if (!segment.empty()) {
      if (auto ok = check_segment(segment); !ok) return ok;
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

Result<std::string> normal_path(std::string_view raw) {
  if (!raw.starts_with('/')) return bad("the path does not begin with /");
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  std::string decoded;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      if (!is_path_char(raw[i])) return bad("a character in the path that must be encoded");
      out += raw[i];
      decoded += raw[i];
      continue;
    }
    const auto high = i + 2 < raw.size() ? hex_digit(raw[i + 1]) : std::nullopt;
    const auto low = i + 2 < raw.size() ? hex_digit(raw[i + 2]) : std::nullopt;
    if (!high || !low) return bad("a broken percent-encoding in the path");
    const int byte = static_cast<int>(*high * 16 + *low);
    if (byte < 0x20 || byte == 0x7F) return bad("an encoded control character in the path");
    if (byte == '/' || byte == '\\' || byte == ';' || byte == '%') {
      return bad("an encoded delimiter in the path");
    }
    decoded += static_cast<char>(byte);
    if (is_unreserved(byte)) {
      out += static_cast<char>(byte);
    } else {
      out += {'%', kHex[*high], kHex[*low]};
    }
    i += 2;
  }
  if (auto ok = check_segments(decoded); !ok) return fail_with(ok.error());
  return out;
}

}  // namespace culvert::http
