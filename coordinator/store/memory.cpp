#include "coordinator/store/memory.hpp"

#include <algorithm>

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
}

void MemoryStore::commit_elsewhere(const Batch& batch) {
  apply(batch);
  ++version_;
}

void MemoryStore::apply(const Batch& batch) {
  for (const auto& row : batch.put) {
    const auto same = [&](const NoteRow& known) { return known.id == row.id; };
    const auto known = std::find_if(notes_.begin(), notes_.end(), same);
    if (known == notes_.end()) {
      notes_.push_back(row);
      ++position_;
    } else {
      known->note = row.note;  // when it arrived first stays
    }
  }
  for (const auto& id : batch.erase) {
    std::erase_if(notes_, [&](const NoteRow& row) { return row.id == id; });
  }
  for (const auto& row : batch.audit) {
    auto& next = next_index_[row.source];
    if (row.index < next) continue;  // a repeat
    next = row.index + 1;
    ++position_;
    audit_.push_back({audit_.size() + 1, row});
  }
}

Result<std::vector<NoteRow>> MemoryStore::notes() { return notes_; }

Result<std::vector<StoredAudit>> MemoryStore::audit(const AuditFilter& filter) {
  std::vector<StoredAudit> out;
  for (const auto& stored : audit_) {
    if (out.size() >= std::min(filter.limit, kMaxAuditPage)) break;
    if (stored.number <= filter.after) continue;
    if (filter.site && stored.row.site != *filter.site) continue;
    out.push_back(stored);
  }
  return out;
}

Result<std::uint64_t> MemoryStore::next_index(const std::string& source) {
  const auto found = next_index_.find(source);
  return found == next_index_.end() ? 0 : found->second;
}

}  // namespace culvert::coordinator
