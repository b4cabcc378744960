// An audit log in memory. The log lives as long as this object, so a test restarts a node with a
// new core on the same log.
#pragma once

#include "proto/audit/sink.hpp"

namespace culvert::audit {

class MemorySink final : public Sink {
 public:
  using Sink::append;
  Status append(std::span<const Entry> entries, Purpose purpose) override;
  TreeHead head() const override { return tree_.head(); }
  Result<std::vector<Entry>> read(const Query& query) const override;

  const std::vector<Entry>& entries() const { return entries_; }
  void set_failing(bool failing) {
    failing_ = failing;
  }  // openings fail as on a full disk; endings pass
  std::uint64_t refused() const { return refused_; }  // appends refused after set_failing(true)

 private:
  std::vector<Entry> entries_;
  MerkleTree tree_;
  bool failing_ = false;
  std::uint64_t refused_ = 0;
};

}  // namespace culvert::audit
