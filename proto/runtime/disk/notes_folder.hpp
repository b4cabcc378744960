// Reads the *.note files of a folder when the folder changes, and every minute. Files are read on
// libuv's thread pool, so that a slow disk does not block the loop. Links inside the folder are
// followed (Kubernetes mounts a ConfigMap as links); a link that leads out of the folder is
// refused.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/runtime/loop/loop.hpp"

namespace culvert::runtime {

inline constexpr std::size_t kMaxNotesFiles = 256;
inline constexpr std::size_t kMaxNotesFile = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxNotesBytes = std::size_t{8} << 20U;  // of all files together
inline constexpr Duration kNotesPoll = 60s;
inline constexpr Duration kNotesSettle = 100ms;  // wait after a change, while a file is written

struct NotesFile {
  std::string name;
  Result<std::string> text;  // the error names the cause
  friend bool operator==(const NotesFile& a, const NotesFile& b) {
    if (a.name != b.name || a.text.has_value() != b.text.has_value()) return false;
    return a.text ? *a.text == *b.text : a.text.error() == b.text.error();
  }
};

// The files in the order of their names. A file past a limit is listed with an error. A folder that
// cannot be read gives one entry with the folder's name. Blocks: for commands and the thread pool.
std::vector<NotesFile> read_notes_folder(const std::string& folder);

class NotesFolder {
 public:
  // Called from the loop with all files, at the start and each time that they differ from before.
  using Changed = std::function<void(std::vector<NotesFile>)>;
  NotesFolder(Loop& loop, std::string folder, Changed changed);
  ~NotesFolder();
  NotesFolder(const NotesFolder&) = delete;
  NotesFolder& operator=(const NotesFolder&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace culvert::runtime
