#include "proto/note/client_data.hpp"

#include <algorithm>
#include <map>

#include "proto/core/ascii.hpp"
#include "proto/core/utf8.hpp"

namespace culvert::note {
namespace {

constexpr int kMaxDepth = 8;

enum class Sort { kString, kTrue, kFalse, kOther };
struct Value {
  Sort sort = Sort::kOther;
  std::string text;  // the value, of a kString
};
using Members = std::map<std::string, Value>;

void append_utf8(std::string& out, char32_t point) {
  const auto byte = [&](char32_t value) { out += static_cast<char>(value); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 | point >> 6U);
    byte(0x80 | (point & 0x3FU));
  } else if (point < 0x10000) {
    byte(0xE0 | point >> 12U);
    byte(0x80 | (point >> 6U & 0x3FU));
    byte(0x80 | (point & 0x3FU));
  } else {
    byte(0xF0 | point >> 18U);
    byte(0x80 | (point >> 12U & 0x3FU));
    byte(0x80 | (point >> 6U & 0x3FU));
    byte(0x80 | (point & 0x3FU));
  }
}

// Each function reads one production of RFC 8259. Nothing or false: the text does not begin with
// that production.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::optional<Members> whole() {
    skip_space();
    auto members = object(0);
    skip_space();
    return rest_.empty() ? std::move(members) : std::nullopt;
  }

 private:
  void skip_space() {
    const auto end = rest_.find_first_not_of(" \t\n\r");
    rest_.remove_prefix(std::min(end, rest_.size()));
  }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::optional<Members> object(int depth) {
    if (depth >= kMaxDepth || !take("{")) return std::nullopt;
    Members out;
    skip_space();
    if (take("}")) return out;
    do {
      skip_space();
      auto name = string();
      skip_space();
      if (!name || !take(":")) return std::nullopt;
      auto member = value(depth);
      if (!member || !out.emplace(std::move(*name), std::move(*member)).second) return std::nullopt;
    } while (take(","));
    if (!take("}")) return std::nullopt;
    return out;
  }

  bool array(int depth) {
    if (depth >= kMaxDepth || !take("[")) return false;
    skip_space();
    if (take("]")) return true;
    do {
      if (!value(depth)) return false;
    } while (take(","));
    return take("]");
  }

  // Reads a value and the white space around it.
  std::optional<Value> value(int depth) {
    skip_space();
    auto out = bare_value(depth);
    skip_space();
    return out;
  }
  std::optional<Value> bare_value(int depth) {
    if (rest_.starts_with('"')) {
      auto text = string();
      return text ? std::optional(Value{Sort::kString, std::move(*text)}) : std::nullopt;
    }
    if (take("true")) return Value{Sort::kTrue, {}};
    if (take("false")) return Value{Sort::kFalse, {}};
    const bool other = rest_.starts_with('{')   ? object(depth + 1).has_value()
                       : rest_.starts_with('[') ? array(depth + 1)
                                                : take("null") || number();
    return other ? std::optional(Value{}) : std::nullopt;
  }

  bool digits() {
    const auto end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(end);
    return end != 0;
  }
  bool number() {
    take("-");
    if (!take("0") && !digits()) return false;
    if (take(".") && !digits()) return false;
    if (!take("e") && !take("E")) return true;
    if (!take("+")) take("-");
    return digits();
  }

  std::optional<std::string> string() {
    if (!take("\"")) return std::nullopt;
    std::string out;
    while (!take("\"")) {
      const auto point = rest_.starts_with('\\') ? escape() : take_code_point(rest_);
      if (!point) return std::nullopt;
      if (!escaped_ && *point < 0x20) return std::nullopt;
      append_utf8(out, *point);
      escaped_ = false;
    }
    return out;
  }

  std::optional<char32_t> escape() {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    escaped_ = true;
    rest_.remove_prefix(1);
    if (take("u")) return unicode();
    const auto at = rest_.empty() ? std::string_view::npos : kLetters.find(rest_.front());
    if (at == std::string_view::npos) return std::nullopt;
    rest_.remove_prefix(1);
    return static_cast<char32_t>(kMeanings[at]);
  }
  std::optional<char32_t> unit() {
    if (rest_.size() < 4) return std::nullopt;
    char32_t out = 0;
    for (int i = 0; i < 4; ++i) {
      const auto digit = hex_digit(rest_[static_cast<std::size_t>(i)]);
      if (!digit) return std::nullopt;
      out = out << 4U | *digit;
    }
    rest_.remove_prefix(4);
    return out;
  }
  // A code point beyond U+FFFF is a pair of surrogates; a lone surrogate is refused.
  std::optional<char32_t> unicode() {
    const auto first = unit();
    if (!first || *first < 0xD800 || *first > 0xDFFF) return first;
    if (*first > 0xDBFF || !take("\\u")) return std::nullopt;
    const auto second = unit();
    if (!second || *second < 0xDC00 || *second > 0xDFFF) return std::nullopt;
    return 0x10000 + ((*first - 0xD800) << 10U) + (*second - 0xDC00);
  }

  std::string_view rest_;
  bool escaped_ = false;
};

}  // namespace

std::optional<ClientData> parse_client_data(std::string_view json) {
  if (json.size() > kMaxClientData) return std::nullopt;
  const auto members = Parser(json).whole();
  if (!members) return std::nullopt;
  const auto text = [&](const char* name) -> std::optional<std::string> {
    const auto found = members->find(name);
    if (found == members->end() || found->second.sort != Sort::kString) return std::nullopt;
    return found->second.text;
  };
  const auto type = text("type");
  const auto challenge = text("challenge");
  const auto origin = text("origin");
  if (!type || !challenge || !origin) return std::nullopt;
  ClientData out{*type, *challenge, *origin, false, members->count("topOrigin") != 0};
  const auto cross = members->find("crossOrigin");
  if (cross == members->end()) return out;
  if (cross->second.sort != Sort::kTrue && cross->second.sort != Sort::kFalse) return std::nullopt;
  out.cross_origin = cross->second.sort == Sort::kTrue;
  return out;
}

}  // namespace culvert::note
