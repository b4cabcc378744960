// The manual page and the completions of `culvert`: they contain every command and option, and man
// and the shells accept them where man and the shells are installed.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "agent/cli/cli.hpp"
#include "agent/cli/pages.hpp"

using namespace culvert::cli;

namespace {

using Visit = std::function<void(const std::string& path, const Command& command)>;
void walk(const std::string& path, const Command& command, const Visit& visit) {
  visit(path, command);
  for (const auto& each : command.commands) walk(path + " " + each.name, each, visit);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
std::string in_roff(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '-' ? "\\-" : std::string(1, c);
  return out;
}

// Whether "PROGRAM ARGUMENTS FILE" accepts `text`. True where the program is not installed.
bool accepted(const std::string& program, const std::string& arguments, const std::string& text) {
  if (std::system(("command -v " + program + " >/dev/null").c_str()) != 0) return true;
  const auto path = std::filesystem::temp_directory_path() /
                    ("culvert-page-" + std::to_string(std::hash<std::string>{}(text)));
  std::ofstream(path) << text;
  const int status =
      std::system((program + " " + arguments + " " + path.string() + " >/dev/null").c_str());
  std::filesystem::remove(path);
  return status == 0;
}

}  // namespace

TEST_CASE("cli: every command and option has a help text and stands in the manual page") {
  const auto page = render_manual(command_tree(), manual());
  std::size_t commands = 0;
  walk("culvert", command_tree(), [&](const std::string& path, const Command& command) {
    INFO(path);
    CHECK_FALSE(command.help.empty());
    if (command.commands.empty()) CHECK(has(page, ".SS " + in_roff(synopsis(path, command))));
    for (const auto& option : command.options) {
      INFO(option.names.back());
      CHECK_FALSE(option.help.empty());
      CHECK(has(page, "\\fB" + in_roff(option.names.back()) + "\\fR"));
    }
    ++commands;
  });
  CHECK(commands > 25);
}

TEST_CASE("cli: every command and option stands in the completions") {
  const auto tree = command_tree();
  const auto bash = complete_bash(tree, completion_names());
  const auto zsh = complete_zsh(tree, completion_names());
  const auto fish = complete_fish(tree, completion_names());
  walk("", tree, [&](const std::string& place, const Command& command) {
    INFO(place);
    CHECK(has(bash, "    '" + place + "') options="));
    CHECK(has(zsh, "    '" + place + "')\n"));
    if (!place.empty()) CHECK(has(fish, " '" + place + "'"));
    for (const auto& option : command.options) {
      const auto& name = option.names.back();
      INFO(name);
      CHECK(has(bash, name));
      CHECK(has(zsh, "'" + name + ":"));
      CHECK(has(fish, name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1)));
    }
  });
}

TEST_CASE("cli: kinds of values that completions ask for are kinds that commands have") {
  std::string kinds;
  walk("", command_tree(), [&](const std::string&, const Command& command) {
    for (const auto& each : command.positionals) kinds += " " + each.names.front() + " ";
  });
  for (const auto& [kind, list] : completion_names()) {
    INFO(kind);
    CHECK(has(kinds, " " + kind + " "));
  }
}

TEST_CASE("cli: man and the shells accept the pages") {
  const auto tree = command_tree();
  CHECK(accepted("man", "-l --warnings", render_manual(tree, manual())));
  CHECK(accepted("groff", "-man -Tutf8 -ww -z", render_manual(tree, manual())));
  CHECK(accepted("bash", "-n", complete_bash(tree, completion_names())));
  CHECK(accepted("zsh", "-n", complete_zsh(tree, completion_names())));
  CHECK(accepted("fish", "--no-execute", complete_fish(tree, completion_names())));
}
