// The audit log on disk: one rendered entry a line, appended and synced once a batch.
//
// A crash may leave a torn last line: it was never reported as durable, so open() cuts it off. A
// damaged line with good lines after it is an error, never repaired. kHeldBack bytes are allocated
// past the end of the file, so that endings can be logged on a full disk; openings are refused
// there.
//
// A file of `file_bytes` is closed: it becomes NAME.N (N: the number of its first entry) and a new
// file begins. One tree covers all files. While closed files have more than `total_bytes` together,
// the oldest is removed. The hashes of its subtrees stay (audit_segments.hpp), so every remaining
// entry can still be proved, and every later head from any head at which a file was closed. The
// log takes at most total_bytes + 2 × (file_bytes + held back) and the list of hashes.
//
// One process at a time (advisory lock). Not thread-safe; append blocks for the sync.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "proto/audit/proof.hpp"
#include "proto/audit/sink.hpp"
#include "proto/runtime/disk/audit_segments.hpp"

namespace culvert::runtime {

class AuditFile final : public audit::Sink {
 public:
  static constexpr std::uint64_t kHeldBack = 16ULL << 20U;
  static constexpr std::uint64_t kFileBytes = 16ULL << 20U;
  static constexpr std::uint64_t kTotalBytes = 512ULL << 20U;

  // Makes a missing file (0600); its folder must exist. Errors name the file and what to do.
  static Result<std::unique_ptr<AuditFile>> open(std::filesystem::path path,
                                                 std::uint64_t held_back = kHeldBack,
                                                 std::uint64_t file_bytes = kFileBytes,
                                                 std::uint64_t total_bytes = kTotalBytes);
  ~AuditFile() override;

  using audit::Sink::append;
  Status append(std::span<const audit::Entry> entries, audit::Purpose purpose) override;
  audit::TreeHead head() const override { return tree_.head(); }
  Result<std::vector<audit::Entry>> read(const audit::Query& query) const override;
  // The whole entries of a log that another process may be writing.
  static Result<std::vector<audit::Entry>> read_file(const std::filesystem::path& path,
                                                     const audit::Query& query);

  // Proves that an entry is in the log of head(), and that the first `old_size` entries have not
  // changed. kNotFound: a file that the proof needs was removed, or there is no such entry.
  Result<audit::Proof> prove_inclusion(std::uint64_t index) const;
  Result<audit::Proof> prove_consistency(std::uint64_t old_size) const;

  const std::vector<AuditSegment>& closed() const { return closed_; }
  std::uint64_t torn_bytes() const { return torn_; }  // bytes that open() cut off

 private:
  AuditFile(std::filesystem::path path, int descriptor, std::uint64_t held_back);
  Status take_closed();
  Status load();
  Status hold_back(std::uint64_t bytes);
  Status rotate();
  Result<int> make_next(std::uint64_t& allocated) const;
  Status finish_closing(const std::string& closed);
  Status sync_folder() const;
  int write_all(std::string_view text);  // writes and syncs; zero or errno
  Status failed(const char* doing, int error) const;
  Result<audit::Proof> prove(const std::vector<audit::Span>& spans) const;

  std::filesystem::path path_;
  int descriptor_ = -1;  // owned
  std::uint64_t held_back_;
  std::uint64_t file_bytes_ = kFileBytes;
  std::uint64_t total_bytes_ = kTotalBytes;
  std::uint64_t size_ = 0;       // bytes of whole entries
  std::uint64_t allocated_ = 0;  // bytes that the file system has allocated
  std::uint64_t torn_ = 0;
  bool damaged_ = false;  // a failed write could not be undone: nothing more is written
  audit::MerkleTree tree_;
  audit::Subtrees open_;              // the subtrees of the present file
  std::vector<AuditSegment> closed_;  // oldest first
};

// Calls `line` for each line that ends in a newline, with the offset after the line, until `line`
// returns false. Returns zero, or errno.
int for_each_line(int descriptor,
                  const std::function<bool(std::string_view line, std::uint64_t end)>& line);

}  // namespace culvert::runtime
