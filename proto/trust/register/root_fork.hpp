// Two texts of the newest epoch of one root, until an operator chooses between them.
#pragma once

#include <vector>

#include "proto/note/note.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::trust {

struct RootFork {
  struct Text {
    note::Note note;    // with the lines that count
    bool kept = false;  // in force here until an operator chooses
  };
  Root root;  // of the first text
  // The kept text first; after a restart only the texts that were offered since.
  std::vector<Text> texts;
};

}  // namespace culvert::trust
