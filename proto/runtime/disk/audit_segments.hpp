// The closed files of an audit log: the entries of each file, the hashes of their subtrees, and
// whether the file is still there. Stored in the text file NAME.tree beside the log:
//
//   culvert/audit-tree/v1
//   kept 0 1234 16777216         kept or gone, first entry, entries, bytes
//   0 1024 9f86…                 a complete subtree: first entry, entries, hash
//   …
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "proto/audit/merkle.hpp"
#include "proto/core/result.hpp"

namespace culvert::runtime {

struct AuditSegment {
  audit::Subtrees entries;
  std::uint64_t bytes = 0;
  bool gone = false;  // the file was removed; its hashes stay
  friend bool operator==(const AuditSegment&, const AuditSegment&) = default;
};

// Beyond this number the oldest segments are joined. A head between two joined segments can no
// longer be proved to be an earlier state of the log.
inline constexpr std::size_t kMaxAuditSegments = 1024;

std::string render(const std::vector<AuditSegment>& segments);
Result<std::vector<AuditSegment>> parse_segments(std::string_view text);  // kInvalid

// NAME.tree; and NAME.N, where N is the first entry of the segment.
std::string tree_path(const std::filesystem::path& log);
std::string segment_path(const std::filesystem::path& log, const AuditSegment& segment);
Result<std::vector<AuditSegment>> read_segments(const std::filesystem::path& log);

// Marks the oldest segments as gone until the remaining files have at most `bytes` together, and
// joins the oldest segments beyond kMaxAuditSegments. Returns the paths of the files that the
// caller removes once the list is durable.
std::vector<std::string> retain(std::vector<AuditSegment>& segments, std::uint64_t bytes,
                                const std::filesystem::path& log);

}  // namespace culvert::runtime
