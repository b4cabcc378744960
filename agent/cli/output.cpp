#include "agent/cli/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace culvert::cli {
namespace {

std::string coloured(std::string_view code, std::string_view text) {
  if (!on_terminal()) return std::string(text);
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
  std::cerr << "culvert: " << printable(status.error().message) << "\n";
  return exit_code(status.error());
}

int finish_call(const Status& status) {
  const int code = finish(status);
  return !status && status.error().code == ErrorCode::kUnavailable ? kExitNoAgent : code;
}

bool on_terminal() { return isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr; }

std::string bold(std::string_view text) { return coloured("1", text); }
std::string green(std::string_view text) { return coloured("32", text); }
std::string yellow(std::string_view text) { return coloured("33", text); }
std::string dim(std::string_view text) { return coloured("2", text); }

void print(std::string_view line) { std::cout << line << std::endl; }
void hint(std::string_view line) { std::cerr << line << std::endl; }
void hint_next(std::string_view line) { hint("next: " + std::string(line)); }

void print_table(const std::vector<std::string>& header,
                 const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  widths.reserve(header.size());
  for (const auto& title : header) widths.push_back(width(title));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], width(row[i]));
    }
  }
  const auto line = [&](const std::vector<std::string>& cells, bool title) {
    std::string out;
    for (std::size_t i = 0; i < cells.size() && i < widths.size(); ++i) {
      out += title ? dim(cells[i]) : cells[i];
      if (i + 1 < cells.size()) out += std::string(widths[i] - width(cells[i]) + 2, ' ');
    }
    print(out);
  };
  line(header, true);
  for (const auto& row : rows) line(row, false);
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
