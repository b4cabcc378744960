// The store of tests and the simulator. It outlives a core, so a "restart" makes a new core on it.
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

  void set_failing(bool failing) { failing_ = failing; }  // commits fail, as a full disk makes them
  void commit_elsewhere(const Batch& batch);              // as another process would

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
  bool failing_ = false;
};

}  // namespace culvert::coordinator
