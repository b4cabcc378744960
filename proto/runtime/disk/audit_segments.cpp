#include "proto/runtime/disk/audit_segments.hpp"

#include <charconv>
#include <optional>

#include "proto/runtime/disk/files.hpp"

namespace culvert::runtime {
namespace {

constexpr std::string_view kFirstLine = "culvert/audit-tree/v1\n";

tl::unexpected<Error> malformed() {
  return fail(ErrorCode::kInvalid, "the list of the audit log's files is damaged");
}

std::string_view take_word(std::string_view& rest) {
  const auto end = std::min(rest.find_first_of(" \n"), rest.size());
  const auto word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::optional<std::uint64_t> take_number(std::string_view& rest) {
  const auto word = take_word(rest);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<audit::Subtree> take_subtree(std::string_view& rest) {
  const auto first = take_number(rest);
  const auto leaves = take_number(rest);
  const auto bytes = from_hex(take_word(rest));
  const auto hash = bytes ? crypto::Hash::from(*bytes) : std::nullopt;
  if (!first || !leaves || !hash) return std::nullopt;
  return audit::Subtree{*first, *leaves, *hash};
}

std::optional<AuditSegment> take_segment(std::string_view& rest) {
  AuditSegment out;
  out.gone = take_word(rest) == "gone";
  const auto first = take_number(rest);
  const auto entries = take_number(rest);
  const auto bytes = take_number(rest);
  if (!first || !entries || !bytes || *entries == 0) return std::nullopt;
  out.entries = audit::Subtrees(*first);
  out.bytes = *bytes;
  while (out.entries.end() - *first < *entries) {
    const auto subtree = take_subtree(rest);
    if (!subtree || !out.entries.add(*subtree)) return std::nullopt;
  }
  return out;
}

}  // namespace

std::string render(const std::vector<AuditSegment>& segments) {
  std::string out(kFirstLine);
  for (const auto& segment : segments) {
    out += segment.gone ? "gone " : "kept ";
    out += std::to_string(segment.entries.first()) + " " +
           std::to_string(segment.entries.end() - segment.entries.first()) + " " +
           std::to_string(segment.bytes) + "\n";
    for (const auto& subtree : segment.entries.list()) {
      out += std::to_string(subtree.first) + " " + std::to_string(subtree.leaves) + " " +
             subtree.hash.hex() + "\n";
    }
  }
  return out;
}

Result<std::vector<AuditSegment>> parse_segments(std::string_view text) {
  if (!text.starts_with(kFirstLine)) return malformed();
  std::vector<AuditSegment> out;
  std::uint64_t next = 0;
  for (auto rest = text.substr(kFirstLine.size()); !rest.empty();) {
    auto segment = take_segment(rest);
    if (!segment || segment->entries.first() != next) return malformed();
    next = segment->entries.end();
    out.push_back(*std::move(segment));
  }
  if (render(out) != text) return malformed();  // only the spelling of render() is accepted
  return out;
}

std::string tree_path(const std::filesystem::path& log) { return log.string() + ".tree"; }

std::string segment_path(const std::filesystem::path& log, const AuditSegment& segment) {
  return log.string() + "." + std::to_string(segment.entries.first());
}

Result<std::vector<AuditSegment>> read_segments(const std::filesystem::path& log) {
  const auto bytes = read_file_if_there(tree_path(log));
  if (!bytes) return fail_with(bytes.error());
  if (!*bytes) return std::vector<AuditSegment>();
  auto segments = parse_segments(text(**bytes));
  if (!segments) {
    return fail(
        ErrorCode::kInvalid,
        tree_path(log) + ": " + segments.error().message +
            " (move the log and all files beside it aside, keep them, start with new ones)");
  }
  return segments;
}

std::vector<std::string> retain(std::vector<AuditSegment>& segments, std::uint64_t bytes,
                                const std::filesystem::path& log) {
  std::uint64_t total = 0;
  for (const auto& segment : segments) total += segment.gone ? 0 : segment.bytes;
  std::vector<std::string> remove;
  for (auto& segment : segments) {
    if (total <= bytes) break;
    if (segment.gone) continue;
    segment.gone = true;
    total -= segment.bytes;
    remove.push_back(segment_path(log, segment));
  }
  while (segments.size() > kMaxAuditSegments && segments[0].gone && segments[1].gone) {
    static_cast<void>(segments[0].entries.add(segments[1].entries));
    segments[0].bytes += segments[1].bytes;
    segments.erase(segments.begin() + 1);
  }
  return remove;
}

}  // namespace culvert::runtime
