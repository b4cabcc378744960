// What `culvert man` and `culvert completion` say beside the commands themselves.
#pragma once

#include "proto/cli/completion.hpp"
#include "proto/cli/manual.hpp"

namespace culvert::cli {

Manual manual();
Names completion_names();  // asked of the running agent

}  // namespace culvert::cli
