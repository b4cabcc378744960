#include "agent/terminator/access_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/loop/log.hpp"

namespace culvert::terminator {
using runtime::file_error;

Result<std::shared_ptr<AccessLogFile>> AccessLogFile::open(std::string path,
                                                           std::size_t file_bytes) {
  std::shared_ptr<AccessLogFile> made(new AccessLogFile(std::move(path), file_bytes));
  if (auto ok = made->open_file(); !ok) return fail_with(ok.error());
  return made;
}

AccessLogFile::~AccessLogFile() {
  static_cast<void>(write_waiting());  // last try to write the waiting lines
  close_file();
}

void AccessLogFile::close_file() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

Status AccessLogFile::open_file() {
  constexpr int kFlags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  descriptor_ = ::open(path_.c_str(), kFlags, 0600);
  struct stat facts {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &facts) != 0) {
    const int error = errno;
    close_file();
    return fail_with(file_error("open the access log", path_, error));
  }
  if (!S_ISREG(facts.st_mode)) {
    close_file();
    return fail(ErrorCode::kInvalid, "the access log " + path_ + " is not a file (move it away)");
  }
  size_ = static_cast<std::size_t>(facts.st_size);
  char last = '\n';
  if (size_ > 0 && ::pread(descriptor_, &last, 1, facts.st_size - 1) == 1 && last != '\n') {
    if (::write(descriptor_, "\n", 1) == 1) ++size_;  // ends a line that a crash cut short
  }
  return {};
}

Status AccessLogFile::rotate() {
  close_file();
  for (std::size_t i = kMaxFiles - 1; i > 0; --i) {
    const std::string from = i == 1 ? path_ : path_ + "." + std::to_string(i - 1);
    const std::string to = path_ + "." + std::to_string(i);
    if (std::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
      return fail_with(file_error("move the full access log to", to, errno));
    }
  }
  return open_file();
}

Status AccessLogFile::write_line(const std::string& line) {
  if (descriptor_ < 0) {
    if (auto ok = open_file(); !ok) return ok;
  }
  if (size_ >= file_bytes_) {
    if (auto ok = rotate(); !ok) return ok;
  }
  const auto wrote = ::write(descriptor_, line.data(), line.size());
  if (wrote == static_cast<ssize_t>(line.size())) {
    size_ += line.size();
    return {};
  }
  const int error = wrote < 0 ? errno : ENOSPC;
  // Removes a half-written line. If that fails, closes the file: the next open ends the line.
  if (wrote > 0 && ::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) close_file();
  return fail_with(file_error("write the access log", path_, error));
}

Status AccessLogFile::write_waiting() {
  while (!waiting_.empty()) {
    if (auto ok = write_line(waiting_.front()); !ok) {
      if (!std::exchange(failing_, true)) {
        runtime::log::error("HTTP requests are refused: " + ok.error().message);
      }
      return ok;
    }
    waiting_.pop_front();
  }
  if (std::exchange(failing_, false)) {
    runtime::log::info("the access log is written again", {{"lost_lines", lost_}});
  }
  return {};
}

// Makes the file again if somebody has removed it: otherwise lines would go into a deleted inode.
Status AccessLogFile::ready() {
  struct stat here {};
  struct stat there {};
  if (descriptor_ >= 0 && ::fstat(descriptor_, &here) == 0 &&
      (::lstat(path_.c_str(), &there) != 0 || there.st_ino != here.st_ino)) {
    close_file();
  }
  if (descriptor_ < 0) {
    if (auto ok = open_file(); !ok) {
      if (!std::exchange(failing_, true)) {
        runtime::log::error("HTTP requests are refused: " + ok.error().message);
      }
      return ok;
    }
  }
  return write_waiting();
}

void AccessLogFile::write(std::string line) {
  if (waiting_.size() >= kMaxWaiting) {
    ++lost_;
    return;
  }
  waiting_.push_back(std::move(line));
  static_cast<void>(write_waiting());
}

}  // namespace culvert::terminator
