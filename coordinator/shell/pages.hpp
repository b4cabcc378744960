// The text of `culvert-coordinator man` apart from the commands.
#pragma once

#include "proto/cli/manual.hpp"

namespace culvert::coordinator {

cli::Manual manual();

}  // namespace culvert::coordinator
