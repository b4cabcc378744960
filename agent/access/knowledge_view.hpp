// The views of an agent's documents: documents that end, documents from files, and forks of roots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/core/time.hpp"

namespace culvert::agent {

struct EndView {     // a document of this node and its end; lists have the soonest end first
  std::string what;  // vendor-root, site-root, policy, renewal, admission
  std::string of;    // whose document it is
  WallTime when;
  std::optional<int> warning;  // the threshold that has passed, in days; 0: it has ended
  std::string text;            // describes the end and the next step
};

struct RevokedView {  // that this node itself has ended, for ever
  std::string what;   // node, device; token: the one that enrolled it
  std::string reason;
  WallTime when;
  std::string text;  // in one line, with the next step
};

struct DocumentsView {  // of the folder of documents
  std::size_t files = 0;
  std::size_t notes = 0;                                 // notes that this node knows
  std::vector<std::pair<std::string, std::string>> bad;  // file, reason
};

// A root with two texts for its newest epoch, until somebody chooses one of them.
struct ForkView {
  struct Text {
    std::string hash;  // sha256:…
    bool kept = false;
    std::vector<std::string> signers;  // names of the keys whose lines count
    std::string text;
  };
  std::string kind;  // vendor, site
  std::string name;  // name of the vendor or site
  std::uint64_t epoch = 0;
  std::vector<Text> texts;  // the kept one first
};

}  // namespace culvert::agent
