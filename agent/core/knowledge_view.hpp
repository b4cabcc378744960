// What an agent shows of its documents: what ends, and what came by files.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/core/time.hpp"

namespace culvert::agent {

struct EndView {     // of what this node has and what ends, soonest first
  std::string what;  // vendor-root, site-root, policy, renewal, admission
  std::string of;
  WallTime when;
  std::optional<int> warning;  // the threshold that has passed, in days; 0: it has ended
  std::string text;            // with the next step
};

struct DocumentsView {  // of the folder of documents
  std::size_t files = 0;
  std::size_t notes = 0;                                 // that are known here
  std::vector<std::pair<std::string, std::string>> bad;  // file, why
};

}  // namespace culvert::agent
