#include "agent/cli/show/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/api/client.hpp"
#include "agent/cli/show/format.hpp"
#include "proto/core/unicode.hpp"
#include "proto/core/utf8.hpp"
#include "proto/trust/statements/display.hpp"

namespace culvert::cli {

namespace {

// https://no-color.org: NO_COLOR is set and not empty. A dumb terminal would print the colour
// sequences.
bool colours() {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return on_terminal() && (refused == nullptr || *refused == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

std::string coloured(std::string_view code, std::string_view text) {
  if (!colours()) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

// The columns of a text on a terminal. `of` gives the columns of a character; colour sequences have
// none.
std::size_t measure(std::string_view text, std::size_t (*of)(char32_t)) {
  std::size_t columns = 0;
  while (!text.empty()) {
    if (text.front() == '\x1b') {
      text.remove_prefix(std::min(text.find('m'), text.size() - 1) + 1);
      continue;
    }
    const auto point = take_code_point(text);
    if (!point) text.remove_prefix(1);
    columns += point ? of(*point) : 1;
  }
  return columns;
}
std::size_t width(std::string_view text) { return measure(text, unicode::columns); }
std::size_t most_width(std::string_view text) { return measure(text, unicode::most_columns); }

std::string without_colours(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto escape = std::min(text.find('\x1b'), text.size());
    out += text.substr(0, escape);
    text.remove_prefix(escape);
    if (!text.empty()) text.remove_prefix(std::min(text.find('m'), text.size() - 1) + 1);
  }
  return out;
}

}  // namespace

int finish(const Common& common, const Status& status) {
  if (status) return kExitOk;
  const auto& error = status.error();
  if (common.json) {
    print_json({{"error", api::to_string(error.code)}, {"message", error.message}});
  }
  // The message may hold a stranger's words: they fill no row that could be taken for one of ours.
  hint_within("culvert: ", printable(error.message));
  return exit_code(error);
}

int finish_call(const Common& common, const Status& status) {
  const int code = finish(common, status);
  return !status && status.error().code == ErrorCode::kUnavailable ? kExitNoAgent : code;
}

bool on_terminal() { return isatty(STDOUT_FILENO) == 1; }

namespace {

std::size_t columns_of(int descriptor) {
  winsize size{};
  if (isatty(descriptor) != 1 || ioctl(descriptor, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

}  // namespace

std::size_t terminal_columns() { return columns_of(STDOUT_FILENO); }

Status with_next(Status status, std::string_view next) {
  if (status) return status;
  auto error = status.error();
  error.message += "; " + std::string(next);
  return fail_with(std::move(error));
}

std::string bold(std::string_view text) { return coloured("1", text); }
std::string green(std::string_view text) { return coloured("32", text); }
std::string yellow(std::string_view text) { return coloured("33", text); }
std::string dim(std::string_view text) { return coloured("2", text); }

void print(std::string_view line) { std::cout << line << std::endl; }

void overwrite(std::string_view text) { std::cout << "\r\x1b[K" << text << std::flush; }
// Writes the line in one call, since other programs may write to the same terminal or file.
void hint(std::string_view line) { std::cerr << std::string(line) + "\n"; }
void hint_within(std::string_view begin, std::string_view value) {
  std::string out;
  for (const auto& row : within(begin, value, columns_of(STDERR_FILENO))) out += row + "\n";
  std::cerr << out;
}
void hint_next(std::string_view line) { hint("next: " + std::string(line)); }

namespace {

constexpr std::string_view kBar = "| ";

// The columns of the table's widest line.
std::size_t widest(const Row& header, const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(header.size(), 0);
  const auto count = [&](const Row& row) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], most_width(row[i]));
    }
  };
  count(header);
  for (const auto& row : rows) count(row);
  std::size_t total = 2 * (widths.empty() ? 0 : widths.size() - 1);
  for (const auto one : widths) total += one;
  return total;
}

// One block for each row: cells that do not fit beside one another stand below one another.
std::vector<std::string> stacked(const Row& header, const std::vector<Row>& rows,
                                 std::size_t columns) {
  std::size_t titles = 0;
  for (const auto& title : header) titles = std::max(titles, width(title));
  std::vector<std::string> out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < header.size(); ++i) {
      const auto begin =
          i == 0 ? std::string()
                 : "  " + dim(header[i]) + std::string(titles - width(header[i]) + 2, ' ');
      for (auto& line : within(begin, row[i], columns)) out.push_back(std::move(line));
    }
  }
  return out;
}

}  // namespace

std::vector<std::string> within(std::string_view begin, std::string_view value,
                                std::size_t columns) {
  constexpr std::size_t kLeastRoom = 8;
  const auto indent = width(begin);
  if (columns == 0 || indent + most_width(value) <= columns) {
    return {std::string(begin) + std::string(value)};
  }
  // If the screen is too narrow for both, the value has rows of its own.
  const bool beside = columns >= indent + kLeastRoom && indent >= kBar.size();
  const auto more = (beside ? std::string(indent - kBar.size(), ' ') : "  ") + std::string(kBar);
  const auto plain = without_colours(value);
  std::vector<std::string> out;
  if (!beside && !begin.empty()) out.emplace_back(begin);
  const auto room = columns > more.size() ? columns - more.size() : kLeastRoom;
  for (const auto row : trust::wrap(plain, room)) {
    const bool first = beside && out.empty();
    out.push_back((first ? std::string(begin) : more) + std::string(row));
  }
  return out;
}

std::vector<std::string> table(const Row& header, const std::vector<Row>& rows,
                               std::size_t columns) {
  std::vector<std::size_t> widths;
  widths.reserve(header.size());
  for (const auto& title : header) widths.push_back(width(title));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], width(row[i]));
    }
  }
  if (columns > 0 && widest(header, rows) > columns) return stacked(header, rows, columns);
  const auto line = [&](const Row& cells, bool title) {
    std::string out;
    for (std::size_t i = 0; i < cells.size() && i < widths.size(); ++i) {
      out += title ? dim(cells[i]) : cells[i];
      if (i + 1 < cells.size()) out += std::string(widths[i] - width(cells[i]) + 2, ' ');
    }
    return out;
  };
  std::vector<std::string> out{line(header, true)};
  for (const auto& row : rows) out.push_back(line(row, false));
  return out;
}

void print_table(const Row& header, const std::vector<Row>& rows) {
  for (const auto& line : table(header, rows, terminal_columns())) print(line);
}

std::string printable(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  std::size_t combining = unicode::kMaxCombining;  // none may come first
  while (!text.empty()) {
    const auto whole = text;
    const auto point = take_code_point(text);
    if (!point) {
      const auto byte = static_cast<unsigned char>(text.front());
      out += "\\x";
      out += {kHex[byte >> 4U], kHex[byte & 15U]};
      text.remove_prefix(1);
      continue;
    }
    combining = unicode::is_combining(*point) ? combining + 1 : 0;
    const bool visible = unicode::is_starter(*point) || unicode::is_mark(*point);
    if (visible && combining <= unicode::kMaxCombining) {
      out += whole.substr(0, whole.size() - text.size());
      continue;
    }
    std::string digits;
    for (auto rest = *point; rest != 0 || digits.empty(); rest >>= 4U) {
      digits.insert(digits.begin(), kHex[rest & 15U]);
    }
    out += "\\u{" + digits + "}";
  }
  return out;
}

}  // namespace culvert::cli
