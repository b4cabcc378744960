#include "proto/runtime/loop/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "proto/core/utf8.hpp"
#include "proto/runtime/loop/line_writer.hpp"

namespace culvert::runtime::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kTrace:
      return spdlog::level::trace;
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

// The program's one writer to standard error. Its thread starts with the first line.
LineWriter& standard_error() {
  static LineWriter writer(STDERR_FILENO);
  return writer;
}

// Formats each line. The level is coloured on a terminal (https://no-color.org).
class WholeLines final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  WholeLines() {
    const char* refused = std::getenv("NO_COLOR");
    colours_ = ::isatty(STDERR_FILENO) == 1 && (refused == nullptr || *refused == '\0');
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    message.color_range_start = message.color_range_end = 0;
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string out(line.data(), line.size());
    if (colours_ && message.color_range_end > message.color_range_start) {
      out.insert(message.color_range_end, "\x1b[0m");
      out.insert(message.color_range_start, colour_of(message.level));
    }
    standard_error().write(std::move(out));
  }
  void flush_() override {}

  static const char* colour_of(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return "\x1b[31m";
    return level == spdlog::level::warn ? "\x1b[33m" : "\x1b[32m";
  }

  bool colours_ = false;
};

// The logger; made at the first line.
spdlog::logger& logger() {
  standard_error();  // constructed before the logger, so that it is destroyed after the logger
  static const auto made = [] {
    auto out = std::make_shared<spdlog::logger>("culvert", std::make_shared<WholeLines>());
    out->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v", spdlog::pattern_time_type::utc);
    out->flush_on(spdlog::level::trace);
    return out;
  }();
  return *made;
}

// Controls (C0, DEL, C1), and characters that are invisible or change the order or the rows of a
// text (Unicode's categories Cf, Zl and Zp).
bool is_shown(char32_t point) {
  struct Range {
    char32_t first, last;
  };
  constexpr std::array<Range, 13> kHidden = {{{0, 0x1F},
                                              {0x7F, 0x9F},
                                              {0xAD, 0xAD},
                                              {0x600, 0x605},
                                              {0x61C, 0x61C},
                                              {0x6DD, 0x6DD},
                                              {0x180E, 0x180E},
                                              {0x200B, 0x200F},
                                              {0x2028, 0x202E},
                                              {0x2060, 0x206F},
                                              {0xFEFF, 0xFEFF},
                                              {0xFFF9, 0xFFFB},
                                              {0xE0000, 0xE0FFF}}};
  return std::none_of(kHidden.begin(), kHidden.end(), [&](const Range& range) {
    return range.first <= point && point <= range.last;
  });
}

void append_value(std::string& out, std::string_view value) {
  const auto plain = [](unsigned char c) { return c > ' ' && c != '"' && c != '\\' && c < 0x7F; };
  if (!value.empty() && std::all_of(value.begin(), value.end(), plain)) {
    out += value;
    return;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  while (!value.empty()) {
    auto rest = value;
    const auto point = take_code_point(rest);
    const auto piece = point ? value.substr(0, value.size() - rest.size()) : value.substr(0, 1);
    value.remove_prefix(piece.size());
    if (point && is_shown(*point)) {
      if (piece == "\"" || piece == "\\") out += '\\';
      out += piece;
      continue;
    }
    for (const char c : piece) {
      const auto byte = static_cast<unsigned char>(c);
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  out += '"';
}

}  // namespace

void set_level(Level least) { logger().set_level(to_spdlog(least)); }

Result<Level> parse_level(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames = {"trace", "debug", "info",
                                                      "warn",  "error", "off"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<Level>(i);
  }
  return fail(ErrorCode::kInvalid, "log level \"" + std::string(name) +
                                       "\" is none of trace, debug, info, warn, error, off");
}

std::uint64_t dropped() { return standard_error().dropped(); }

bool enabled(Level level) { return logger().should_log(to_spdlog(level)); }

std::string render(std::string_view event, Fields fields) {
  std::string out(event);
  for (const auto& field : fields) {
    out += ' ';
    out += field.key;
    out += '=';
    append_value(out, field.value);
  }
  return out;
}

void write(Level level, std::string_view event, Fields fields) {
  if (enabled(level)) logger().log(to_spdlog(level), "{}", render(event, fields));
}

}  // namespace culvert::runtime::log
