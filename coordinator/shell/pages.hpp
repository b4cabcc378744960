// What `culvert-coordinator man` says beside the commands themselves.
#pragma once

#include "proto/cli/manual.hpp"

namespace culvert::coordinator {

cli::Manual manual();

}  // namespace culvert::coordinator
