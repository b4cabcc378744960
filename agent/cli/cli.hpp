// The command line of `culvert`: parses arguments and runs one command.
#pragma once

#include "proto/cli/tree.hpp"

namespace culvert::cli {

// Returns the process's exit code: 0 ok, 1 failed, 2 usage, 3 no agent, 4 denied, 5 timeout.
int run(int argc, char** argv);

Command command_tree();  // all commands of run()

}  // namespace culvert::cli
