// The audit log on disk: one rendered entry a line, appended and synced once a batch.
//
// A crash may leave a torn last line: it was never reported as durable and is cut off on open; a
// damaged line with good ones after it is an error, never repaired. Blocks of kHeldBack bytes are
// allocated past the end so that endings can be logged on a full disk; openings are refused there.
// One process at a time (advisory lock). Not thread-safe; append blocks for the sync.
#pragma once

#include <filesystem>
#include <memory>

#include "proto/audit/sink.hpp"

namespace culvert::runtime {

class AuditFile final : public audit::Sink {
 public:
  static constexpr std::uint64_t kHeldBack = 16ULL << 20U;

  // Makes the file (0600) where there is none; its folder must exist. Errors name the file and
  // what to do.
  static Result<std::unique_ptr<AuditFile>> open(std::filesystem::path path,
                                                 std::uint64_t held_back = kHeldBack);
  ~AuditFile() override;

  using audit::Sink::append;
  Status append(std::span<const audit::Entry> entries, audit::Purpose purpose) override;
  audit::TreeHead head() const override { return tree_.head(); }
  Result<std::vector<audit::Entry>> read(const audit::Query& query) const override;
  // Of a log that another process may be writing: what is whole now.
  static Result<std::vector<audit::Entry>> read_file(const std::filesystem::path& path,
                                                     const audit::Query& query);

  std::uint64_t torn_bytes() const { return torn_; }  // cut off when it was opened

 private:
  AuditFile(std::filesystem::path path, int descriptor, std::uint64_t held_back);
  Status load();
  Status hold_back(std::uint64_t bytes);
  Status sync_folder() const;
  int write_all(std::string_view text);  // and sync; zero or errno
  Status failed(const char* doing, int error) const;

  std::filesystem::path path_;
  int descriptor_ = -1;  // owned
  std::uint64_t held_back_;
  std::uint64_t size_ = 0;       // bytes that are known to be whole
  std::uint64_t allocated_ = 0;  // bytes that the file system has promised
  std::uint64_t torn_ = 0;
  bool damaged_ = false;  // a failed write could not be undone: nothing more is written
  audit::MerkleTree tree_;
};

}  // namespace culvert::runtime
