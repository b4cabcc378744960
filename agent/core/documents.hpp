// Documents that come by files instead of the coordinator (docs/operations/freshness.md): the
// folder's owner is the customer, so that nobody who carries statements can hold them back. Each
// note is verified like any other; the folder gives no rights.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"

namespace culvert::agent {

struct DocumentFile {
  std::string name;
  Result<std::string> text;  // one note or a bundle; an error: why it could not be read
};

inline constexpr std::size_t kMaxDocumentNotes = 4096;  // of all files; further ones are not taken

struct Documents {
  struct Waiting {  // a note that is not accepted (yet)
    std::string file;
    note::Note note;
  };
  bool used = false;
  std::size_t files = 0;
  std::size_t taken = 0;  // notes that are known here, from the files as they were last read
  std::vector<Waiting> waiting;
  std::map<std::string, std::string> bad;   // by file: why
  std::map<std::string, std::string> said;  // what the log has of it
};

}  // namespace culvert::agent
