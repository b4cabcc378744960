// The closed files of an audit log: which entries each has, the hashes of their subtrees, and
// whether the file is still there. Kept as the text file NAME.tree beside the log:
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
  bool gone = false;  // its file was removed; the hashes stay
  friend bool operator==(const AuditSegment&, const AuditSegment&) = default;
};

// More than this many are joined, oldest first; a head between two that were joined can no longer
// be proved to be a beginning of the log.
inline constexpr std::size_t kMaxAuditSegments = 1024;

std::string render(const std::vector<AuditSegment>& segments);
Result<std::vector<AuditSegment>> parse_segments(std::string_view text);  // kInvalid

// NAME.tree, and NAME.N of the segment that begins with entry N.
std::string tree_path(const std::filesystem::path& log);
std::string segment_path(const std::filesystem::path& log, const AuditSegment& segment);
Result<std::vector<AuditSegment>> read_segments(const std::filesystem::path& log);

// Marks the oldest as gone until the files that stay have at most `bytes`, and joins the oldest
// records where there are too many. → the paths of files to remove once the list is durable.
std::vector<std::string> retain(std::vector<AuditSegment>& segments, std::uint64_t bytes,
                                const std::filesystem::path& log);

}  // namespace culvert::runtime
