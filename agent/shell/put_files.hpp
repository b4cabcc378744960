// The revocations that were put to a lease server, as files of its folder of documents. A file is
// closed at a number of notes and at a number of bytes, far below what the folder's reader takes.
// Each signer has a share of the bytes: a full share refuses that signer alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"

namespace culvert::agent {

inline constexpr std::size_t kPutsInFile = 128;                        // notes of one file …
inline constexpr std::size_t kPutFileBytes = std::size_t{512} << 10U;  // … and its bytes
inline constexpr std::size_t kMaxPutFiles = 64;                        // unreadable ones included
inline constexpr std::size_t kMaxPutBytes = std::size_t{4} << 20U;     // of all files
inline constexpr std::size_t kPutShare = std::size_t{512} << 10U;      // of one signer

class PutFiles {
 public:
  explicit PutFiles(std::string folder, std::size_t share = kPutShare)
      : folder_(std::move(folder)), share_(share) {}

  // A file of the folder as it was found; files of other names are none of this. `notes` of an
  // unreadable one: none; that file is never written.
  void found(std::string_view file_name, std::vector<note::Note> notes,
             const std::function<std::string(const note::Note&)>& owner);
  // Durable when this returns. kExhausted: no room, and nothing is kept. Any other error: the note
  // is kept in memory, and save() tries to write it again.
  Status keep(const note::Note& note, const std::string& owner);
  Status save();  // what could not be written before
  bool unsaved() const { return !unsaved_.empty(); }
  void drop(const std::function<bool(const note::Note&)>& is_over);

 private:
  struct Put {
    note::Note note;
    std::string owner;
    std::size_t bytes = 0;
  };
  struct File {
    std::vector<Put> puts;
    std::size_t bytes = 0;
    bool readable = true;
  };
  void add(File& file, Put put);
  File* open_file(std::size_t bytes);  // where the next note goes; null: no further file

  std::string folder_;
  std::size_t share_;
  std::map<std::uint64_t, File> files_;  // by number
  std::map<std::string, std::size_t> shares_;
  std::size_t bytes_ = 0;
  std::set<std::uint64_t> unsaved_;
};

}  // namespace culvert::agent
