// The access log's file: one line for each request. A full file is renamed to NAME.1 …, so that all
// files together stay below kMaxFiles × kMaxFileBytes (and one line each). While the file cannot be
// written, ready() refuses requests, and the lines of requests under way wait in memory; the
// program's log has one line when this begins and one when it ends. Lines are not synced, since the
// audit log has everything that must survive a crash. Used on one loop's thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "agent/http/access.hpp"

namespace culvert::terminator {

class AccessLogFile final : public http::AccessLog {
 public:
  static constexpr std::size_t kMaxFileBytes = 16U << 20U;
  static constexpr std::size_t kMaxFiles = 5;
  static constexpr std::size_t kMaxWaiting = 4096;  // lines; more are lost, and counted

  // Makes a missing file (0600). The error names the file and what to do.
  static Result<std::shared_ptr<AccessLogFile>> open(std::string path,
                                                     std::size_t file_bytes = kMaxFileBytes);
  ~AccessLogFile() override;

  Status ready() override;  // writes the waiting lines
  void write(std::string line) override;
  std::uint64_t lost() const { return lost_; }

 private:
  AccessLogFile(std::string path, std::size_t file_bytes)
      : path_(std::move(path)), file_bytes_(file_bytes) {}
  Status open_file();
  Status rotate();
  Status write_waiting();
  Status write_line(const std::string& line);
  void close_file();

  std::string path_;
  std::size_t file_bytes_;
  int descriptor_ = -1;  // owned
  std::size_t size_ = 0;
  std::deque<std::string> waiting_;
  std::uint64_t lost_ = 0;
  bool failing_ = false;
};

}  // namespace culvert::terminator
