// Commands that make a key file and show its public half.
#pragma once

#include <string>

#include "agent/cli/show/common.hpp"
#include "proto/core/result.hpp"

namespace culvert::cli {

struct NewKey {
  std::string out, bundle, root_hash, group, person;
};
Status new_key(const Common& common, const NewKey& options);
Status show_public_key(const Common& common, const std::string& key_file);

}  // namespace culvert::cli
