// A StateStore in a directory (0700). Each value is one file (0600); after a crash the file has the
// old value or the new one. A file is "culvert store v1 <version>\n" and the bytes; versions are
// random, so that no version is ever used again. Every operation locks `.lock`, so several
// processes may share the directory.
#pragma once

#include <string>

#include "proto/core/result.hpp"
#include "proto/trust/store.hpp"

namespace culvert::runtime {

class DirectoryStore final : public trust::StateStore {
 public:
  // Makes a missing directory, and removes all rights of group and others. Errors name the path and
  // what to do (files.hpp).
  static Result<DirectoryStore> open(const std::string& path);

  DirectoryStore(DirectoryStore&& other) noexcept : path_(std::move(other.path_)) {}

  Result<std::optional<trust::StoredValue>> load(std::string_view name) override;
  Result<std::uint64_t> replace(std::string_view name, ByteView value,
                                std::uint64_t expected) override;
  Status remove(std::string_view name) override;

  const std::string& path() const { return path_; }

 private:
  explicit DirectoryStore(std::string path) : path_(std::move(path)) {}
  Result<std::optional<trust::StoredValue>> load_locked(const std::string& file) const;
  Result<std::string> file_of(std::string_view name) const;

  std::string path_;
};

}  // namespace culvert::runtime
