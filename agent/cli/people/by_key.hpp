// A person who acts with a key over the control channel.
#pragma once

#include <string>

namespace culvert::cli {

struct ByKey {
  std::string key_file;
  std::string coordinator;  // URL; empty: the first in the vendor's list
};

}  // namespace culvert::cli
