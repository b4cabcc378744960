// The commands and options of a program, for its manual page and its shell completions.
//
// describe() reads the tree from the parser, so that page and completions have every command. It is
// a template over CLI11's App, so that only the programs include the parser.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace culvert::cli {

struct Argument {
  std::vector<std::string> names;  // "--key", "-c"; of a positional argument: "SERVICE"
  std::string value;               // kind of the value, "FILE"; empty for a flag
  std::string help;
  std::string preset;  // the default; empty: none
  bool required = false;
};

struct Command {
  std::string name;
  std::string help;
  std::vector<Argument> options;
  std::vector<Argument> positionals;
  std::vector<Command> commands;
};

template <class Option>
Argument describe_option(const Option& option) {
  Argument out;
  if (option.get_positional()) {
    out.names.push_back(option.get_name(true));
  } else {
    for (const auto& name : option.get_snames()) out.names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) out.names.push_back("--" + name);
  }
  if (option.get_items_expected_max() > 0) {
    out.value = option.get_type_name();
    // Without CLI11's validators.
    out.value.resize(std::min(out.value.size(), out.value.find(':')));
  }
  out.help = option.get_description();
  out.preset = option.get_default_str();
  out.required = option.get_required();
  return out;
}

// Leaves out commands and options of the empty group, which are for programs.
template <class App>
Command describe(const App& app) {
  Command out{app.get_name(), app.get_description(), {}, {}, {}};
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    (option->get_positional() ? out.positionals : out.options).push_back(describe_option(*option));
  }
  for (const auto* command : app.get_subcommands([](const App*) { return true; })) {
    if (!command->get_group().empty()) out.commands.push_back(describe(*command));
  }
  return out;
}

}  // namespace culvert::cli
