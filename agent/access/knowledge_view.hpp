// The views of an agent's documents: documents that end, documents from files, and forks of roots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/core/time.hpp"
#include "proto/trust/register/expiry.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::agent {

struct EndView {  // a document of this node and its end; lists have the soonest end first
  trust::Ending what = trust::Ending::kVendorRoot;
  std::string of;  // whose document it is
  WallTime when;
  std::optional<int> warning;  // the threshold that has passed, in days; 0: it has ended
  std::string text;            // describes the end and the next step
};

enum class RevokedWhat { kNode, kDevice, kToken };  // kToken: the token that enrolled this node

struct RevokedView {  // a revocation that has ended this node itself, for ever
  RevokedWhat what = RevokedWhat::kNode;
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
  trust::RootKind kind = trust::RootKind::kVendor;
  std::string name;  // name of the vendor or site
  std::uint64_t epoch = 0;
  std::vector<Text> texts;  // the kept one first
};

}  // namespace culvert::agent
