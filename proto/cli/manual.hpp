// The manual page of a program, in roff (man(7) macros): one page with every command.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/cli/tree.hpp"

namespace culvert::cli {

constexpr const char* kVersion = CULVERT_VERSION;  // of all three programs: CMakeLists.txt

// Terms and their meanings.
using Entries = std::vector<std::pair<std::string, std::string>>;

// The parts of a manual page that the parser does not know.
struct Manual {
  std::string version;
  std::string purpose;                   // one line, for NAME
  std::vector<std::string> description;  // paragraphs
  Entries examples;                      // a purpose, and the line to type
  Entries files, environment, exits;
  std::string see_also;
};

std::string render_manual(const Command& program, const Manual& manual);

// The synopsis of a command: `culvert request [--for TIME] [--wait] --reason TEXT SERVICE`.
std::string synopsis(const std::string& path, const Command& command);

}  // namespace culvert::cli
