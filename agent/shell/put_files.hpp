// The revocations that were put to a lease server, as files of its folder of documents. A file gets
// no more notes at kPutsInFile notes or kPutFileBytes bytes, far below the limits of the folder's
// reader. Each signer has a share of the bytes: when the share is full, only that signer is
// refused.
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

  // Adds a file that the folder has. Files of other names are ignored. `notes`: none if the file is
  // unreadable; such a file is never written.
  void found(std::string_view file_name, std::vector<note::Note> notes,
             const std::function<std::string(const note::Note&)>& owner);
  // Durable when this returns. kExhausted: no room, and nothing is kept. Any other error: the note
  // is kept in memory, and save() tries to write it again.
  Status keep(const note::Note& note, const std::string& owner);
  Status save();  // writes notes that could not be written before
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
  File* open_file(std::size_t bytes);  // the file for the next note; null: no room for a file

  std::string folder_;
  std::size_t share_;
  std::map<std::uint64_t, File> files_;  // by number
  std::map<std::string, std::size_t> shares_;
  std::size_t bytes_ = 0;
  std::set<std::uint64_t> unsaved_;
};

}  // namespace culvert::agent
