// The options that every command has.
#pragma once

#include <string>

namespace culvert::cli {

struct Common {
  std::string state;  // the agent's state directory
  bool json = false;
};

}  // namespace culvert::cli
