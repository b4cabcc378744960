// Documents that come by files instead of the coordinator (docs/operations/freshness.md): the
// folder's owner is the customer, so that nobody who carries statements can hold them back. Each
// note is verified like any other; the folder gives no rights.
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

inline constexpr std::size_t kMaxDocumentNotes = 4096;  // of all files; further ones are not taken

inline constexpr std::size_t kDocumentsSlice = 64;  // so many are verified at once

struct Documents {
  struct Waiting {  // a note that is to be offered, again and again until it is known
    std::string file;
    note::Note note;
    std::pair<int, std::uint64_t> rank;
    bool known = false;
  };
  bool used = false;
  std::size_t files = 0;
  std::size_t taken = 0;  // notes that are known here, from the files as they were last read
  std::vector<Waiting> waiting;
  std::size_t next = 0;                        // of `waiting`, in this round
  std::map<std::string, std::string> unread;   // by file: why it cannot be read
  std::map<std::string, std::string> refused;  // by file: why a note of it was refused last
  std::map<std::string, std::string> said;     // what the log has of it
};

}  // namespace culvert::agent
