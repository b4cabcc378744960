#include "proto/runtime/disk/audit_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "proto/runtime/disk/files.hpp"

namespace culvert::runtime {
namespace {

constexpr std::size_t kReadBlock = 1U << 18U;
constexpr std::uint64_t kAllocationStep = 1ULL << 20U;  // bytes that are allocated at a time

}  // namespace

int for_each_line(int descriptor,
                  const std::function<bool(std::string_view line, std::uint64_t end)>& line) {
  std::string pending;
  std::string block(kReadBlock, '\0');
  std::uint64_t offset = 0;
  std::uint64_t consumed = 0;
  for (;;) {
    const auto got = ::pread(descriptor, block.data(), block.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    offset += static_cast<std::uint64_t>(got);
    pending.append(block, 0, static_cast<std::size_t>(got));
    std::size_t start = 0;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', start)) {
      const auto text = std::string_view(pending).substr(start, end - start);
      start = end + 1;
      if (!line(text, consumed + start)) return 0;
    }
    pending.erase(0, start);
    consumed += start;
  }
}

AuditFile::AuditFile(std::filesystem::path path, int descriptor, std::uint64_t held_back)
    : path_(std::move(path)), descriptor_(descriptor), held_back_(held_back) {}

AuditFile::~AuditFile() { ::close(descriptor_); }

Status AuditFile::failed(const char* doing, int error) const {
  return fail_with(file_error(doing, path_.string(), error));
}

Result<std::unique_ptr<AuditFile>> AuditFile::open(std::filesystem::path path,
                                                   std::uint64_t held_back,
                                                   std::uint64_t file_bytes,
                                                   std::uint64_t total_bytes) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return fail_with(file_error("open the audit log", path.string(), errno));
  std::unique_ptr<AuditFile> file(new AuditFile(std::move(path), descriptor, held_back));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::kConflict, "the audit log " + file->path_.string() +
                                          " is in use by another process (stop it first)");
  }
  file->file_bytes_ = file_bytes;
  file->total_bytes_ = total_bytes;
  if (auto taken = file->take_closed(); !taken) return fail_with(taken.error());
  if (auto loaded = file->load(); !loaded) return fail_with(loaded.error());
  // The file's name must survive a crash as well as its content. append() reports a full disk.
  if (auto synced = file->sync_folder(); !synced) return fail_with(synced.error());
  (void)file->hold_back(0);
  return file;
}

Status AuditFile::sync_folder() const {
  const auto folder = path_.parent_path().empty() ? "." : path_.parent_path();
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return failed("open the folder of the audit log", errno);
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0) return failed("sync the folder of the audit log", error);
  return {};
}

// Reads the file. Bytes after the last good line were torn by a crash; a good line after a bad one
// means damage.
Status AuditFile::load() {
  std::uint64_t number = 0;
  std::uint64_t bad = 0;  // first bad line, from 1
  bool damaged = false;
  const int error = for_each_line(descriptor_, [&](std::string_view line, std::uint64_t end) {
    ++number;
    if (!audit::parse_entry(line)) {
      if (bad == 0) bad = number;
    } else if (bad != 0) {
      damaged = true;
    } else {
      const auto leaf = audit::leaf_hash(view(line));
      tree_.append(leaf);
      open_.append(leaf);
      size_ = end;
    }
    return !damaged;
  });
  if (error != 0) return failed("read the audit log", error);
  if (damaged) {
    return fail(ErrorCode::kInvalid, "the audit log " + path_.string() + " is damaged at line " +
                                         std::to_string(bad) +
                                         " (move it aside, keep it, and start with a new one)");
  }
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0) return failed("inspect the audit log", errno);
  torn_ = static_cast<std::uint64_t>(info.st_size) - size_;
  if (torn_ == 0) return {};
  if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0 || ::fsync(descriptor_) != 0) {
    return failed("repair the audit log", errno);
  }
  return {};
}

// Makes sure that `bytes` and the reserve after them fit. A file system that cannot allocate ahead
// has no reserve: there the write itself fails when the disk is full.
Status AuditFile::hold_back(std::uint64_t bytes) {
  const auto needed = size_ + bytes + held_back_;
  if (held_back_ == 0 || needed <= allocated_) return {};
  const auto until = needed + std::min(kAllocationStep, held_back_);
  if (::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(until)) == 0) {
    allocated_ = until;
    return {};
  }
  if (errno == EOPNOTSUPP || errno == ENOSYS) {
    held_back_ = 0;
    return {};
  }
  return failed("write the audit log", errno);
}

int AuditFile::write_all(std::string_view text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const auto wrote = ::pwrite(descriptor_, text.data() + done, text.size() - done,
                                static_cast<off_t>(size_ + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    if (wrote == 0) return EIO;
    done += static_cast<std::size_t>(wrote);
  }
  return ::fdatasync(descriptor_) == 0 ? 0 : errno;
}

Status AuditFile::append(std::span<const audit::Entry> entries, audit::Purpose purpose) {
  if (damaged_) return fail(ErrorCode::kUnavailable, "the audit log failed before (restart)");
  std::string text;
  std::vector<crypto::Hash> leaves;
  for (const auto& entry : entries) {
    const auto line = audit::render(entry);
    leaves.push_back(audit::leaf_hash(view(line)));
    text += line + '\n';
  }
  if (text.empty()) return {};
  // When the full file cannot be closed, entries still go into it; hold_back() checks the space.
  if (size_ >= file_bytes_) static_cast<void>(rotate());
  if (damaged_) return fail(ErrorCode::kUnavailable, "the audit log failed before (restart)");
  if (auto held = hold_back(text.size()); !held && purpose == audit::Purpose::kOpening) {
    return held;
  }
  if (const int error = write_all(text); error != 0) {
    // No entry of the batch counts. After a failed sync the kernel may have dropped the bytes
    // silently, so only a successful truncation and sync make the file good again.
    damaged_ =
        ::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0 || ::fdatasync(descriptor_) != 0;
    allocated_ = 0;
    return failed("write the audit log", error);
  }
  size_ += text.size();
  for (const auto& leaf : leaves) {
    tree_.append(leaf);
    open_.append(leaf);
  }
  return {};
}

}  // namespace culvert::runtime
