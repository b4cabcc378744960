// A coordinator's store in memory. The store outlives a core, so a test restarts the coordinator
// with a new core on the same store.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/store/store.hpp"

namespace culvert::coordinator {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::uint64_t max_site_audit = kMaxSiteAudit)
      : max_site_audit_(max_site_audit) {}

  Status commit(const Batch& batch) override;
  Result<std::vector<NoteRow>> notes() override;
  Result<std::vector<StoredAudit>> audit(const AuditFilter& filter) override;
  Result<std::uint64_t> next_index(const std::string& source) override;
  Result<std::uint64_t> version() override { return version_; }

  Result<std::optional<std::string>> clock() override { return clock_; }
  Result<std::uint64_t> position() override { return position_; }
  Status probe() override;
  bool can_revoke() const override { return !failing_ || reserve_ > 0; }

  // From now on commits fail as on a full disk, except for the next `reserve` batches with
  // revocations.
  void set_failing(bool failing, std::size_t reserve = 0) {
    failing_ = failing;
    reserve_ = reserve;
  }
  // Replaces the content by that of `copy`, like an operator who restores an old backup.
  void restore(const MemoryStore& copy);
  void commit_elsewhere(const Batch& batch);  // a write of another process

 private:
  void apply(const Batch& batch);
  void keep_share(const std::string& site);

  std::uint64_t max_site_audit_;
  std::vector<NoteRow> notes_;  // in the order of first arrival
  std::vector<StoredAudit> audit_;
  std::uint64_t audit_number_ = 0;
  std::map<std::string, std::map<std::string, std::uint64_t>> audit_bytes_;  // by site and source
  std::map<std::string, std::uint64_t> next_index_;
  std::uint64_t version_ = 0;
  std::uint64_t position_ = 0;
  std::optional<std::string> clock_;
  bool failing_ = false;
  std::size_t reserve_ = 0;
};

}  // namespace culvert::coordinator
