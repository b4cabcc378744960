// The text of `culvert-relay man` apart from the commands.
#pragma once

#include "proto/cli/manual.hpp"

namespace culvert::relay {

cli::Manual manual();

}  // namespace culvert::relay
