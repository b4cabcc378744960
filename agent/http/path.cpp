#include <algorithm>

#include "agent/http/message.hpp"

namespace culvert::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
bool is_unreserved(int c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}
// pchar and '/' (RFC 3986 §3.3) but ';', which some servers cut off with what follows.
bool is_path_char(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,=:@/").find(c) != std::string_view::npos;
}

tl::unexpected<Error> bad(const char* why) { return fail(ErrorCode::kInvalid, why); }

Status check_segments(std::string_view path) {
  std::string_view rest = path.substr(1);
  while (true) {
    const auto slash = rest.find('/');
    const auto segment = rest.substr(0, slash);
    if (segment == "." || segment == "..") return bad("a dot segment in the path");
    if (slash == std::string_view::npos) return {};
    if (segment.empty()) return bad("an empty segment in the path");
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace

Result<std::string> normal_path(std::string_view raw) {
  if (!raw.starts_with('/')) return bad("the path does not begin with /");
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      if (!is_path_char(raw[i])) return bad("a character in the path that must be encoded");
      out += raw[i];
      continue;
    }
    const int high = i + 2 < raw.size() ? hex_digit(raw[i + 1]) : -1;
    const int low = i + 2 < raw.size() ? hex_digit(raw[i + 2]) : -1;
    if (high < 0 || low < 0) return bad("a broken percent-encoding in the path");
    const int byte = high * 16 + low;
    if (byte < 0x20 || byte == 0x7F) return bad("an encoded control character in the path");
    if (byte == '/' || byte == '\\' || byte == ';' || byte == '%') {
      return bad("an encoded delimiter in the path");
    }
    if (is_unreserved(byte)) {
      out += static_cast<char>(byte);
    } else {
      out += {'%', kHex[static_cast<std::size_t>(high)], kHex[static_cast<std::size_t>(low)]};
    }
    i += 2;
  }
  if (auto ok = check_segments(out); !ok) return fail_with(ok.error());
  return out;
}

}  // namespace culvert::http
