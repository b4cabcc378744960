// Completion scripts of a program for bash, zsh and fish.
//
// A value is completed by its kind: FILE and DIR by names of files, COMMAND by commands, and a kind
// in `names` by the lines that a command prints, such as the services that a running agent knows.
// Other values are not completed.
#pragma once

#include <map>
#include <string>

#include "proto/cli/tree.hpp"
#include "proto/core/result.hpp"

namespace culvert::cli {

using Names = std::map<std::string, std::string>;  // kind of value → shell command that lists

std::string complete_bash(const Command& program, const Names& names);
std::string complete_zsh(const Command& program, const Names& names);
std::string complete_fish(const Command& program, const Names& names);

// The script for the shell of that name; kInvalid for another.
Result<std::string> completion_script(const std::string& shell, const Command& program,
                                      const Names& names);

}  // namespace culvert::cli
