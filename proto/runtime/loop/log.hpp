// One line per event on standard error: time, level, event, key=value pairs. Colours on a terminal
// only. Never log a secret. Events that a stranger can cause are counted (metrics.hpp), not logged.
// Logging never waits for the reader of standard error (line_writer.hpp).
//   log::info("relay connected", {{"relay", id}, {"round_trip_ms", 12}});
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include "proto/core/result.hpp"

namespace culvert::runtime::log {

enum class Level { kTrace, kDebug, kInfo, kWarn, kError, kOff };

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  Field(std::string_view k, const Error& e) : key(k), value(e.message) {}
  template <class Number>
  requires(std::integral<Number> || std::floating_point<Number>) Field(std::string_view k, Number v)
      : key(k), value(std::to_string(v)) {}
};
using Fields = std::initializer_list<Field>;

void set_level(Level least);                       // default kInfo; any thread
Result<Level> parse_level(std::string_view name);  // trace debug info warn error off
bool enabled(Level level);
std::uint64_t dropped();  // lines dropped for lack of room since the start; any thread

void write(Level level, std::string_view event, Fields fields);
inline void trace(std::string_view event, Fields fields = {}) {
  write(Level::kTrace, event, fields);
}
inline void debug(std::string_view event, Fields fields = {}) {
  write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, Fields fields = {}) { write(Level::kInfo, event, fields); }
inline void warn(std::string_view event, Fields fields = {}) { write(Level::kWarn, event, fields); }
inline void error(std::string_view event, Fields fields = {}) {
  write(Level::kError, event, fields);
}

// The part of the line after time and level. Values with spaces or control characters are quoted
// and escaped.
std::string render(std::string_view event, Fields fields);

}  // namespace culvert::runtime::log
