#include "tests/support/memory_store.hpp"

#include <algorithm>
#include <set>

namespace culvert::coordinator {

Status MemoryStore::commit(const Batch& batch) {
  if (failing_) {
    if (auto full = probe(); !batch.revokes || reserve_ == 0) return full;
    --reserve_;
  }
  apply(batch);
  return {};
}

Status MemoryStore::probe() {
  if (!failing_) return {};
  return fail(ErrorCode::kUnavailable, "the store does not take anything now");
}

void MemoryStore::restore(const MemoryStore& copy) {
  notes_ = copy.notes_;
  audit_ = copy.audit_;
  next_index_ = copy.next_index_;
  position_ = copy.position_;
  clock_ = copy.clock_;
}

void MemoryStore::commit_elsewhere(const Batch& batch) {
  apply(batch);
  ++version_;
}

void MemoryStore::apply(const Batch& batch) {
  if (batch.clock) clock_ = batch.clock;
  for (const auto& row : batch.put) {
    const auto same = [&](const NoteRow& known) { return known.id == row.id; };
    const auto known = std::find_if(notes_.begin(), notes_.end(), same);
    if (known == notes_.end()) {
      notes_.push_back(row);
      ++position_;
    } else {
      known->note = row.note;  // keeps the time of the first arrival
    }
  }
  for (const auto& id : batch.erase) {
    std::erase_if(notes_, [&](const NoteRow& row) { return row.id == id; });
  }
  std::set<std::string> touched;
  for (const auto& row : batch.audit) {
    auto& next = next_index_[row.source];
    if (row.index < next) continue;  // a repeated line
    next = row.index + 1;
    ++position_;
    audit_.push_back({++audit_number_, row});
    audit_bytes_[row.site][row.source] += size_of(row);
    touched.insert(row.site);
  }
  for (const auto& site : touched) keep_share(site);
}

// Erases the oldest line of the source with the most bytes until the site is within its share.
void MemoryStore::keep_share(const std::string& site) {
  auto& sources = audit_bytes_[site];
  std::uint64_t total = 0;
  for (const auto& [source, bytes] : sources) total += bytes;
  while (total > max_site_audit_) {
    const auto most = std::max_element(sources.begin(), sources.end(),
                                       [](auto& a, auto& b) { return a.second < b.second; });
    const auto is_its = [&](const StoredAudit& stored) {
      return stored.row.site == site && stored.row.source == most->first;
    };
    const auto oldest = std::find_if(audit_.begin(), audit_.end(), is_its);
    if (oldest == audit_.end() || oldest->row.index + 1 == next_index_[most->first]) return;
    const auto bytes = size_of(oldest->row);
    total -= bytes;
    most->second -= bytes;
    audit_.erase(oldest);
  }
}

Result<std::vector<NoteRow>> MemoryStore::notes() { return notes_; }

Result<std::vector<StoredAudit>> MemoryStore::audit(const AuditFilter& filter) {
  std::vector<StoredAudit> out;
  const auto add = [&](const StoredAudit& stored) {
    if (out.size() >= std::min(filter.limit, kMaxAuditPage)) return;
    if (filter.site && stored.row.site != *filter.site) return;
    if (filter.before ? *filter.before != 0 && stored.number >= *filter.before
                      : stored.number <= filter.after) {
      return;
    }
    out.push_back(stored);
  };
  if (filter.before) {
    std::for_each(audit_.rbegin(), audit_.rend(), add);
  } else {
    std::for_each(audit_.begin(), audit_.end(), add);
  }
  return out;
}

Result<std::uint64_t> MemoryStore::next_index(const std::string& source) {
  const auto found = next_index_.find(source);
  return found == next_index_.end() ? 0 : found->second;
}

}  // namespace culvert::coordinator
