// Lines for the operator's log. A core writes no log: it collects LogLine values, and the shell
// prints them in the order in which the core has collected them.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace culvert::agent {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string event;   // what has happened, in words that never vary
  std::string detail;  // names, reasons, the next step; may be empty
};

}  // namespace culvert::agent
