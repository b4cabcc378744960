// Closes a full file of the audit log. The order of the steps makes sure that a crash at any point
// leaves a log that opens again with the same tree:
//   step                                                   a crash after it leaves
//   1. NAME.next is made, with the reserve allocated       an empty file more
//   2. the list of closed files names the full one         NAME, which is still the full file
//   3. NAME becomes NAME.N                                 no NAME
//   4. NAME.next becomes NAME
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "proto/runtime/disk/audit_file.hpp"
#include "proto/runtime/disk/files.hpp"

namespace culvert::runtime {
namespace {

Status save(const std::filesystem::path& log, const std::vector<AuditSegment>& segments) {
  return write_file_atomic(tree_path(log), view(render(segments)), 0600);
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// The subtrees of a file's lines.
audit::Subtrees subtrees_of(int descriptor, std::uint64_t first) {
  audit::Subtrees out(first);
  static_cast<void>(for_each_line(descriptor, [&](std::string_view line, std::uint64_t) {
    out.append(audit::leaf_hash(view(line)));
    return true;
  }));
  return out;
}

}  // namespace

// Reads the list of closed files and cleans up after a crash between two steps. A closed file that
// somebody removed counts as gone.
Status AuditFile::take_closed() {
  static_cast<void>(::unlink((path_.string() + ".next").c_str()));
  auto segments = read_segments(path_);
  if (!segments) return fail_with(segments.error());
  bool changed = false;
  for (auto& segment : *segments) {
    const auto closed = segment_path(path_, segment);
    if (segment.gone) static_cast<void>(::unlink(closed.c_str()));
    if (segment.gone || is_there(closed)) continue;
    const bool last = &segment == &segments->back();
    if (last && subtrees_of(descriptor_, segment.entries.first()) == segment.entries) {
      if (auto finished = finish_closing(closed); !finished) return finished;
    } else {
      segment.gone = true;
      changed = true;
    }
  }
  if (changed) {
    if (auto saved = save(path_, *segments); !saved) return saved;
  }
  for (const auto& segment : *segments) static_cast<void>(tree_.add(segment.entries));
  closed_ = *std::move(segments);
  open_ = audit::Subtrees(tree_.size());
  return {};
}

// Finishes after a crash after step 2: the open file is the full one and is renamed to `closed`.
Status AuditFile::finish_closing(const std::string& closed) {
  if (std::rename(path_.c_str(), closed.c_str()) != 0) {
    return failed("close a full file of the audit log", errno);
  }
  const int next = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (next < 0) return failed("open the audit log", errno);
  ::close(descriptor_);
  descriptor_ = next;
  if (::flock(next, LOCK_EX | LOCK_NB) != 0) return failed("lock the audit log", errno);
  return {};
}

// Makes NAME.next with the lock and the reserve. There is no reserve (held_back_ is 0) on a file
// system that cannot allocate ahead.
Result<int> AuditFile::make_next(std::uint64_t& allocated) const {
  const auto path = path_.string() + ".next";
  const int next = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (next < 0) return fail_with(file_error("make", path, errno));
  allocated = held_back_;
  const bool locked = ::flock(next, LOCK_EX | LOCK_NB) == 0;
  const bool reserved = held_back_ == 0 || ::fallocate(next, FALLOC_FL_KEEP_SIZE, 0,
                                                       static_cast<off_t>(held_back_)) == 0;
  if (locked && reserved) return next;
  const int error = errno;
  ::close(next);
  static_cast<void>(::unlink(path.c_str()));
  return fail_with(file_error("make", path, error));
}

Status AuditFile::rotate() {
  std::uint64_t allocated = 0;
  const auto next = make_next(allocated);
  if (!next) return fail_with(next.error());
  auto segments = closed_;
  segments.push_back({open_, size_, false});
  const auto remove = retain(segments, total_bytes_, path_);
  const auto closed = segment_path(path_, {open_, size_, false});
  const auto waiting = path_.string() + ".next";
  if (auto saved = save(path_, segments); !saved) {
    ::close(*next);
    static_cast<void>(::unlink(waiting.c_str()));
    return saved;
  }
  if (std::rename(path_.c_str(), closed.c_str()) != 0 ||
      std::rename(waiting.c_str(), path_.c_str()) != 0 || !sync_folder()) {
    damaged_ = true;  // the next open() finds out which step was the last
    ::close(*next);
    return failed("close a full file of the audit log", errno);
  }
  // Frees the space that is allocated past the full file's end. A failure only wastes that space.
  if (::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) errno = 0;
  ::close(descriptor_);
  descriptor_ = *next;
  size_ = 0;
  allocated_ = allocated;
  open_ = audit::Subtrees(tree_.size());
  closed_ = std::move(segments);
  for (const auto& path : remove) static_cast<void>(::unlink(path.c_str()));
  return {};
}

}  // namespace culvert::runtime
