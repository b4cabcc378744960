// The access log's file: a line a request, moved aside to NAME.1 … when it is full, so that all
// together stay below kMaxFiles × kMaxFileBytes (and a line each). While it cannot be written,
// ready() refuses and the lines of requests that were already under way wait in memory; that is
// said once, and once when it is over. Lines are not synced: what must survive a crash is in the
// audit log. One loop's thread.
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

  // Made (0600) where there is none. The error names the file and what to do.
  static Result<std::shared_ptr<AccessLogFile>> open(std::string path,
                                                     std::size_t file_bytes = kMaxFileBytes);
  ~AccessLogFile() override;

  Status ready() override;  // writes what waits
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
