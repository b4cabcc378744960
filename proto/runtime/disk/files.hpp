// Durable file operations with clear errors: each error names the path, what is wrong and what to
// do.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"

namespace culvert::runtime {

inline constexpr std::size_t kMaxFileSize = 16U << 20U;

Result<Bytes> read_file(const std::string& path, std::size_t limit = kMaxFileSize);
Result<std::optional<Bytes>> read_file_if_there(const std::string& path,
                                                std::size_t limit = kMaxFileSize);
Result<Bytes> read_standard_input(std::size_t limit = kMaxFileSize);

// Writes all or nothing, durable on return: a temporary file beside `path`, fsync, rename, fsync of
// the folder.
Status write_file_atomic(const std::string& path, ByteView bytes, unsigned mode = 0644);
inline Status write_secret_file(const std::string& path, ByteView bytes) {
  return write_file_atomic(path, bytes, 0600);
}
Status remove_file(const std::string& path);  // durable; a missing file is no error

// Makes the folder (and its parents) with mode 0700. An existing folder must belong to our user and
// be writable.
Status make_private_folder(const std::string& path);

// An exclusive flock(2), held until destruction or the end of the process.
class FileLock {
 public:
  static Result<FileLock> take(const std::string& path);  // kConflict when another process has it
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

// An error such as "cannot write /x/y: the disk is full (free some space)"; `error_number`: errno.
Error file_error(std::string_view doing, std::string_view path, int error_number);

// Protects the process's secrets: no core dumps, no ptrace by other processes of the same user,
// umask 0077. Also ignores SIGPIPE.
void harden_process();

}  // namespace culvert::runtime
