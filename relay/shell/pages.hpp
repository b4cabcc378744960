// What `culvert-relay man` says beside the commands themselves.
#pragma once

#include "proto/cli/manual.hpp"

namespace culvert::relay {

cli::Manual manual();

}  // namespace culvert::relay
