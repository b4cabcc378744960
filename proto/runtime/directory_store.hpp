// A StateStore in a directory (0700) with one file a value (0600). A value is written to a
// temporary file, synced, renamed over the old one, and the directory is synced: after a crash
// there is the old value or the new one. Every operation holds an exclusive lock on the file
// `.lock`, so several processes may share the directory; the file starts with its version ("culvert
// store v1 <version>\n"), then the bytes.
#pragma once

#include <string>

#include "proto/core/result.hpp"
#include "proto/trust/store.hpp"

namespace culvert::runtime {

class DirectoryStore final : public trust::StateStore {
 public:
  // Makes the directory where it is missing. kUnavailable with the path and what to do: not a
  // directory, not ours to write, readable by others, read-only or full file system.
  static Result<DirectoryStore> open(std::string path);

  DirectoryStore(DirectoryStore&& other) noexcept;
  DirectoryStore& operator=(DirectoryStore&&) = delete;
  ~DirectoryStore() override;

  Result<std::optional<trust::StoredValue>> load(std::string_view name) override;
  Result<std::uint64_t> replace(std::string_view name, ByteView value,
                                std::uint64_t expected) override;
  Status remove(std::string_view name) override;

  const std::string& path() const { return path_; }

 private:
  DirectoryStore(std::string path, int directory, int lock)
      : path_(std::move(path)), directory_(directory), lock_(lock) {}

  std::string path_;
  int directory_;  // open descriptors, owned
  int lock_;
};

}  // namespace culvert::runtime
