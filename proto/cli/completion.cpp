// All three scripts find the place of the cursor in the same way. They read the words before the
// cursor from the left and skip the values of options. The names of commands among the words are
// the place, such as " vendor init".
#include "proto/cli/completion.hpp"

#include <functional>
#include <set>

namespace culvert::cli {
namespace {

using Visit = std::function<void(const std::string& place, const Command& command)>;

void walk(const std::string& place, const Command& command, const Visit& visit) {
  visit(place, command);
  for (const auto& each : command.commands) walk(place + " " + each.name, each, visit);
}

std::string quoted(std::string_view text, std::string_view quote) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += quote;
    } else {
      out += c;
    }
  }
  return out + "'";
}
std::string sh(std::string_view text) { return quoted(text, R"('\'')"); }
std::string fish(std::string_view text) { return quoted(text, R"(\')"); }

// A pattern of `case`: the words, quoted and joined by "|".
std::string pattern(const std::set<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : "|") + sh(word);
  return out;
}

// The options with a value, by the value's kind. The program's own options are valid everywhere.
std::map<std::string, std::set<std::string>> valued(const Command& program) {
  std::map<std::string, std::set<std::string>> out;
  walk("", program, [&](const std::string&, const Command& command) {
    for (const auto& option : command.options) {
      if (!option.value.empty()) out[option.value].insert(option.names.begin(), option.names.end());
    }
  });
  return out;
}
std::set<std::string> all_valued(const Command& program) {
  std::set<std::string> out;
  for (const auto& [kind, options] : valued(program)) out.insert(options.begin(), options.end());
  return out;
}
std::set<std::string> places(const Command& program) {
  std::set<std::string> out;
  walk("", program, [&](const std::string& place, const Command&) {
    if (!place.empty()) out.insert(place);
  });
  return out;
}

// The kind of a positional argument's value.
std::string kind_of(const Argument& positional) { return positional.names.front(); }

// The first name of each option of the command and of the program, since the program's own options
// are valid with every command.
std::string option_words(const Command& program, const Command& command) {
  std::string out;
  std::set<std::string> seen;
  for (const auto* level : {&command, &program}) {
    for (const auto& option : level->options) {
      if (seen.insert(option.names.back()).second) out += " " + option.names.back();
    }
  }
  return out.substr(out.empty() ? 0 : 1);
}

// `case` branches that set the place from the words, for bash and zsh.
std::string find_place(const Command& program) {
  return "    if [[ -n $skip ]]; then skip=; continue; fi\n"
         "    case $word in\n      " +
         pattern(all_valued(program)) +
         ") skip=1; continue ;;\n"
         "    esac\n"
         "    case \"$at $word\" in\n      " +
         pattern(places(program)) + ") at+=\" $word\" ;;\n    esac\n";
}

}  // namespace

std::string complete_bash(const Command& program, const Names& names) {
  const auto function = "_" + program.name;
  std::string out = "# bash completion for " + program.name + "\n" + function +
                    "() {\n"
                    "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                    "  local at= word skip= i words= kind= options=\n"
                    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                    "    word=${COMP_WORDS[i]}\n" +
                    find_place(program) + "  done\n  case $at in\n";
  walk("", program, [&](const std::string& place, const Command& command) {
    out += "    " + sh(place) + ") options=" + sh(option_words(program, command));
    std::string commands;
    for (const auto& each : command.commands) commands += (commands.empty() ? "" : " ") + each.name;
    if (!commands.empty()) out += " words=" + sh(commands);
    if (!command.positionals.empty()) out += " kind=" + sh(kind_of(command.positionals.front()));
    out += " ;;\n";
  });
  out += "  esac\n  case $prev in\n";
  for (const auto& [kind, set] : valued(program)) {
    out += "    " + pattern(set) + ") kind=" + sh(kind) + " words= options= ;;\n";
  }
  out +=
      "    *) [[ $cur == -* ]] && kind= words=$options ;;\n  esac\n  case $kind in\n"
      "    FILE) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "
      "\"$cur\"); return ;;\n"
      "    DIR) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "
      "\"$cur\"); return ;;\n"
      "    COMMAND) mapfile -t COMPREPLY < <(compgen -c -- \"$cur\"); return ;;\n";
  for (const auto& [kind, list] : names) {
    out += "    " + sh(kind) + ") words=$(" + list + " 2>/dev/null) ;;\n";
  }
  return out +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
         "}\n"
         "complete -F " +
         function + " " + program.name + "\n";
}

std::string complete_zsh(const Command& program, const Names& names) {
  std::string out = "#compdef " + program.name + "\n_" + program.name +
                    "() {\n"
                    "  local cur=${words[CURRENT]} prev=${words[CURRENT-1]}\n"
                    "  local at= word skip= kind= i\n"
                    "  local -a choices options\n"
                    "  for ((i = 2; i < CURRENT; i++)); do\n"
                    "    word=${words[i]}\n" +
                    find_place(program) + "  done\n  case $at in\n";
  const auto described = [](const std::string& name, const std::string& help) {
    return " " + sh(name + ":" + help);
  };
  walk("", program, [&](const std::string& place, const Command& command) {
    out += "    " + sh(place) + ")\n      options=(";
    for (const auto* level : {&command, &program}) {
      if (level == &program && &command == &program) continue;
      for (const auto& each : level->options) out += described(each.names.back(), each.help);
    }
    out += ")\n";
    if (!command.commands.empty()) {
      out += "      choices=(";
      for (const auto& each : command.commands) out += described(each.name, each.help);
      out += ")\n";
    }
    if (!command.positionals.empty()) {
      out += "      kind=" + sh(kind_of(command.positionals.front())) + "\n";
    }
    out += "      ;;\n";
  });
  out += "  esac\n  case $prev in\n";
  for (const auto& [kind, set] : valued(program)) {
    out += "    " + pattern(set) + ") kind=" + sh(kind) + " choices=() ;;\n";
  }
  out +=
      "    *) if [[ $cur == -* ]]; then kind= choices=(\"${options[@]}\"); fi ;;\n"
      "  esac\n  case $kind in\n"
      "    FILE) _files; return ;;\n"
      "    DIR) _files -/; return ;;\n"
      "    COMMAND) _command_names -e; return ;;\n";
  for (const auto& [kind, list] : names) {
    out += "    " + sh(kind) + ") compadd -- ${(f)\"$(" + list + " 2>/dev/null)\"}; return ;;\n";
  }
  return out + "  esac\n  (( ${#choices} )) && _describe " + sh(program.name) +
         " choices\n}\n"
         "if [[ $funcstack[1] == _" +
         program.name + " ]]; then _" + program.name + "; else compdef _" + program.name + " " +
         program.name + "; fi\n";
}

std::string complete_fish(const Command& program, const Names& names) {
  const auto function = "__" + program.name + "_at";
  std::string skip, known;
  for (const auto& word : all_valued(program)) skip += " " + fish(word);
  for (const auto& place : places(program)) known += " " + fish(place);
  std::string out = "# fish completion for " + program.name + "\nfunction " + function +
                    "\n    set -l at ''\n    set -l skip 0\n"
                    "    for word in (commandline -opc)[2..-1]\n"
                    "        if test $skip = 1\n            set skip 0\n"
                    "        else if contains -- $word" +
                    skip +
                    "\n            set skip 1\n"
                    "        else if contains -- \"$at $word\"" +
                    known +
                    "\n            set at \"$at $word\"\n        end\n    end\n"
                    "    test \"$at\" = \"$argv[1]\"\nend\n"
                    "complete -c " +
                    program.name + " -f\n";
  const auto values = [&](const std::string& kind) -> std::string {
    if (kind == "FILE") return " -F";
    if (kind == "DIR") return " -a '(__fish_complete_directories)'";
    if (kind == "COMMAND") return " -a '(__fish_complete_command)'";
    const auto list = names.find(kind);
    return list == names.end() ? "" : " -a " + fish("(" + list->second + " 2>/dev/null)");
  };
  walk("", program, [&](const std::string& place, const Command& command) {
    const auto when = "complete -c " + program.name +
                      (&command == &program ? "" : " -n " + fish(function + " \"" + place + "\""));
    for (const auto& each : command.options) {
      const auto& name = each.names.back();
      out += when + (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
      if (!each.value.empty()) out += " -r" + values(each.value);
      out += " -d " + fish(each.help) + "\n";
    }
    const auto at = "complete -c " + program.name + " -n " + fish(function + " \"" + place + "\"");
    for (const auto& each : command.commands) {
      out += at + " -a " + fish(each.name) + " -d " + fish(each.help) + "\n";
    }
    if (!command.positionals.empty()) {
      const auto choices = values(kind_of(command.positionals.front()));
      if (!choices.empty()) out += at + choices + "\n";
    }
  });
  return out;
}

Result<std::string> completion_script(const std::string& shell, const Command& program,
                                      const Names& names) {
  if (shell == "bash") return complete_bash(program, names);
  if (shell == "zsh") return complete_zsh(program, names);
  if (shell == "fish") return complete_fish(program, names);
  return fail(ErrorCode::kInvalid,
              "no completion for \"" + shell + "\": one of bash, zsh, fish is possible");
}

}  // namespace culvert::cli
