// What an agent shows of its documents: what ends, what came by files, and forks of roots.
#pragma once

#include <cstddef>
#include <cstdint>
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

struct RevokedView {  // that this node itself has ended, for ever
  std::string what;   // node, device; token: the one that enrolled it
  std::string reason;
  WallTime when;
  std::string text;  // in one line, with the next step
};

struct DocumentsView {  // of the folder of documents
  std::size_t files = 0;
  std::size_t notes = 0;                                 // that are known here
  std::vector<std::pair<std::string, std::string>> bad;  // file, why
};

// Two texts of the newest epoch of a root, while nobody has chosen between them.
struct ForkView {
  struct Text {
    std::string hash;  // sha256:…
    bool kept = false;
    std::vector<std::string> signers;  // whose lines count
    std::string text;
  };
  std::string kind;  // vendor, site
  std::string name;  // of the vendor or site
  std::uint64_t epoch = 0;
  std::vector<Text> texts;  // the kept one first
};

}  // namespace culvert::agent
