// Documents that come from files instead of the coordinator (docs/operations/freshness.md). The
// customer owns the folder, so a coordinator that holds statements back cannot stop them. Each note
// is verified like any other; the folder gives no rights.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"

namespace culvert::agent {

struct DocumentFile {
  std::string name;
  Result<std::string> text;  // one note or a bundle; an error: why it could not be read
};

inline constexpr std::size_t kMaxDocumentNotes = 4096;  // of all files; further notes are ignored

inline constexpr std::size_t kDocumentsSlice = 64;  // notes that are verified in one go

struct Documents {
  struct Waiting {  // a note that is offered to the evidence again and again until it is known
    std::string file;
    note::Note note;
    std::pair<int, std::uint64_t> rank;
    bool known = false;
  };
  bool used = false;
  std::size_t files = 0;
  std::size_t taken = 0;  // notes of the files, as last read, that this node knows
  std::vector<Waiting> waiting;
  std::size_t next = 0;                        // index in `waiting` of this round's next note
  std::map<std::string, std::string> unread;   // file → why it cannot be read
  std::map<std::string, std::string> refused;  // file → why its last refused note was refused
  std::map<std::string, std::string> said;     // file → the reason that was logged last
};

}  // namespace culvert::agent
