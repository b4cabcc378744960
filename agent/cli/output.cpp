#include "agent/cli/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace culvert::cli {
namespace {

// https://no-color.org: set and not empty. A dumb terminal would show the sequences.
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

// Columns on a terminal: colour sequences take none, UTF-8 continuation bytes neither.
std::size_t width(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = std::min(text.find('m', i), text.size());
    } else if ((text[i] & '\xC0') != '\x80') {
      ++columns;
    }
  }
  return columns;
}

}  // namespace

int exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::kDenied:
    case ErrorCode::kUnverified:
    case ErrorCode::kStale:
      return kExitDenied;
    case ErrorCode::kInvalid:
      return kExitUsage;
    case ErrorCode::kTimeout:
      return kExitTimeout;
    case ErrorCode::kConflict:
    case ErrorCode::kNotFound:
    case ErrorCode::kExhausted:
    case ErrorCode::kUnavailable:
    case ErrorCode::kInternal:
      return kExitFailed;
  }
  return kExitFailed;
}

int finish(const Status& status) {
  if (status) return kExitOk;
  hint("culvert: " + printable(status.error().message));
  return exit_code(status.error());
}

int finish_call(const Status& status) {
  const int code = finish(status);
  return !status && status.error().code == ErrorCode::kUnavailable ? kExitNoAgent : code;
}

bool on_terminal() { return isatty(STDOUT_FILENO) == 1; }

std::size_t terminal_columns() {
  winsize size{};
  if (!on_terminal() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

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
void print_indented(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    print("  " + std::string(text.substr(at, end - at)));
    at = end == std::string_view::npos ? text.size() : end + 1;
  }
}

void overwrite(std::string_view text) { std::cout << "\r\x1b[K" << text << std::flush; }
// In one piece: other programs write to the same terminal or file.
void hint(std::string_view line) { std::cerr << std::string(line) + "\n"; }
void hint_next(std::string_view line) { hint("next: " + std::string(line)); }

namespace {

// One block a row: what does not fit beside each other stands below each other.
std::vector<std::string> stacked(const Row& header, const std::vector<Row>& rows) {
  std::size_t titles = 0;
  for (const auto& title : header) titles = std::max(titles, width(title));
  std::vector<std::string> out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < header.size(); ++i) {
      out.push_back(i == 0 ? row[i]
                           : "  " + dim(header[i]) +
                                 std::string(titles - width(header[i]) + 2, ' ') + row[i]);
    }
  }
  return out;
}

}  // namespace

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
  std::size_t total = 2 * (widths.empty() ? 0 : widths.size() - 1);
  for (const auto one : widths) total += one;
  if (columns > 0 && total > columns) return stacked(header, rows);
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
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      out += '?';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace culvert::cli
