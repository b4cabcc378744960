#include "proto/trust/statements/display.hpp"

#include <algorithm>

#include "proto/core/unicode.hpp"
#include "proto/core/utf8.hpp"

namespace culvert::trust {
namespace {

constexpr std::size_t kLeastColumns = 8;
constexpr std::size_t kReasonColumns = 60;
constexpr std::string_view kReasonField = "reason: ";
constexpr std::string_view kPrefix = "  | ";

// Removes one character, with the combining characters after it, from the front of `text`. Sets
// `columns` to the most columns that the character takes. Empty where the text is not UTF-8.
std::string_view take_cluster(std::string_view& text, std::size_t& columns) {
  const auto whole = text;
  const auto first = take_code_point(text);
  if (!first) return {};
  columns = unicode::most_columns(*first);
  for (auto rest = text; const auto next = take_code_point(rest); text = rest) {
    if (!unicode::is_combining(*next)) break;
    columns += unicode::most_columns(*next);
  }
  return whole.substr(0, whole.size() - text.size());
}

std::size_t without_prefix(std::size_t columns) {
  return columns > kPrefix.size() ? columns - kPrefix.size() : 0;
}

void append_rows(std::string& out, std::string_view text, std::size_t columns) {
  for (const auto row : wrap(text, columns)) out.append(kPrefix).append(row).append("\n");
}

void append_field(std::string& out, std::string_view line, std::size_t columns) {
  const auto rows = columns == 0 ? std::vector{line} : wrap(line, columns);
  const auto first = rows.empty() ? std::string_view() : rows.front();
  out.append(first).append("\n");
  if (columns != 0) append_rows(out, line.substr(first.size()), without_prefix(columns));
}

}  // namespace

std::vector<std::string_view> wrap(std::string_view text, std::size_t columns) {
  columns = std::max(columns, kLeastColumns);
  std::vector<std::string_view> out;
  std::size_t used = 0;
  while (!text.empty()) {
    const char* at = text.data();
    std::size_t wide = 0;
    const auto cluster = take_cluster(text, wide);
    if (cluster.empty()) break;
    if (out.empty() || used + wide > columns) {
      out.emplace_back(at, 0);
      used = 0;
    }
    out.back() = std::string_view(out.back().data(), out.back().size() + cluster.size());
    used += wide;
  }
  return out;
}

std::string display_text(std::string_view text, std::size_t columns) {
  const auto reason_columns =
      columns == 0 ? kReasonColumns : std::min(kReasonColumns, without_prefix(columns));
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1);
    const auto line = text.substr(0, end);
    if (line.starts_with(kReasonField)) {
      out.append("reason:\n");
      append_rows(out, line.substr(kReasonField.size()), reason_columns);
    } else {
      append_field(out, line, columns);
    }
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace culvert::trust
