// The texts of `culvert man` and `culvert completion` apart from the commands.
#pragma once

#include "proto/cli/completion.hpp"
#include "proto/cli/manual.hpp"

namespace culvert::cli {

Manual manual();
Names completion_names();  // from the running agent

}  // namespace culvert::cli
