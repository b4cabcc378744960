// Reads the audit log back over all of its files, and makes proofs about it.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <iterator>

#include "proto/runtime/disk/audit_file.hpp"
#include "proto/runtime/disk/files.hpp"

namespace culvert::runtime {
namespace {

class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), error_(errno) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int descriptor() const { return descriptor_; }
  int error() const { return descriptor_ >= 0 ? 0 : error_; }

 private:
  int descriptor_;
  int error_;
};

// Puts the newest matching entries of a file, at most `limit`, before the entries found so far.
Status read_before(const std::string& path, const audit::Query& query, std::size_t limit,
                   std::deque<audit::Entry>& found) {
  const OpenFile file(path);
  if (file.error() != 0) return fail_with(file_error("read the audit log", path, file.error()));
  std::deque<audit::Entry> here;
  const int error = for_each_line(file.descriptor(), [&](std::string_view line, std::uint64_t) {
    auto entry = audit::parse_entry(line);
    if (!entry || limit == 0) return false;  // the line is torn, or being written now
    if (!audit::matches(query, *entry)) return true;
    if (here.size() == limit) here.pop_front();
    here.push_back(std::move(*entry));
    return true;
  });
  if (error != 0) return fail_with(file_error("read the audit log", path, error));
  found.insert(found.begin(), std::make_move_iterator(here.begin()),
               std::make_move_iterator(here.end()));
  return {};
}

}  // namespace

Result<std::vector<audit::Entry>> AuditFile::read(const audit::Query& query) const {
  return read_file(path_, query);
}

Result<std::vector<audit::Entry>> AuditFile::read_file(const std::filesystem::path& path,
                                                       const audit::Query& query) {
  const auto segments = read_segments(path);
  if (!segments) return fail_with(segments.error());
  std::deque<audit::Entry> found;
  if (auto read = read_before(path.string(), query, query.limit, found); !read) {
    return fail_with(read.error());
  }
  for (auto segment = segments->rbegin(); segment != segments->rend(); ++segment) {
    if (segment->gone || found.size() >= query.limit) continue;
    auto read = read_before(segment_path(path, *segment), query, query.limit - found.size(), found);
    // The file was removed meanwhile, and so were all files before it.
    if (!read && read.error().code == ErrorCode::kNotFound) break;
    if (!read) return fail_with(read.error());
  }
  return std::vector<audit::Entry>(std::make_move_iterator(found.begin()),
                                   std::make_move_iterator(found.end()));
}

Result<audit::Proof> AuditFile::prove_inclusion(std::uint64_t index) const {
  if (index >= tree_.size()) return fail(ErrorCode::kNotFound, "the audit log has no such entry");
  return prove(audit::inclusion_spans(index, tree_.size()));
}

Result<audit::Proof> AuditFile::prove_consistency(std::uint64_t old_size) const {
  if (old_size > tree_.size()) {
    return fail(ErrorCode::kNotFound, "the audit log has fewer entries than that");
  }
  return prove(audit::consistency_spans(old_size, tree_.size()));
}

// Gives the ProofMaker the subtrees of each file, or the file's entries where a span ends inside of
// a subtree.
Result<audit::Proof> AuditFile::prove(const std::vector<audit::Span>& spans) const {
  audit::ProofMaker maker(spans);
  const auto add = [&](const audit::Subtrees& entries, const std::string& path) -> Status {
    if (maker.can_use(entries)) {
      for (const auto& subtree : entries.list()) maker.add(subtree);
      return {};
    }
    const OpenFile file(path);
    if (file.error() != 0) return fail_with(file_error("read the audit log", path, file.error()));
    audit::Subtrees read(entries.first());
    const int error = for_each_line(file.descriptor(), [&](std::string_view line, std::uint64_t) {
      if (read.end() == entries.end()) return false;
      const audit::Subtree leaf{read.end(), 1, audit::leaf_hash(view(line))};
      maker.add(leaf);
      return read.add(leaf);
    });
    if (error != 0) return fail_with(file_error("read the audit log", path, error));
    if (read == entries) return {};
    return fail(ErrorCode::kInvalid, "the audit log " + path + " was changed after it was written");
  };
  for (const auto& segment : closed_) {
    auto added = add(segment.entries, segment_path(path_, segment));
    if (!added) return fail_with(added.error());
  }
  if (auto added = add(open_, path_.string()); !added) return fail_with(added.error());
  return maker.take();
}

}  // namespace culvert::runtime
