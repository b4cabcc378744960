// Where audit entries go. Whoever opens something appends first and goes on only when that returns
// without error; whoever ends something acts first and appends after.
#pragma once

#include <span>
#include <vector>

#include "proto/audit/entry.hpp"
#include "proto/audit/merkle.hpp"
#include "proto/core/result.hpp"

namespace culvert::audit {

enum class Purpose {
  kOpening,  // something is about to be allowed: refused when space runs out
  kEnding,   // something has ended: may use the space that is held back for this
};

class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;

  // All entries are durable on return, or none counts and the error says what to do.
  virtual Status append(std::span<const Entry> entries, Purpose purpose) = 0;
  Status append(const Entry& entry, Purpose purpose) { return append({&entry, 1}, purpose); }

  virtual TreeHead head() const = 0;
  virtual Result<std::vector<Entry>> read(const Query& query) const = 0;
};

// For tests and the simulator: survives what the owner lets it survive.
class MemorySink final : public Sink {
 public:
  using Sink::append;
  Status append(std::span<const Entry> entries, Purpose purpose) override;
  TreeHead head() const override { return tree_.head(); }
  Result<std::vector<Entry>> read(const Query& query) const override;

  const std::vector<Entry>& entries() const { return entries_; }
  void set_failing(bool failing) { failing_ = failing; }  // as a full disk would; endings pass
  std::uint64_t refused() const { return refused_; }      // appends, for that reason

 private:
  std::vector<Entry> entries_;
  MerkleTree tree_;
  bool failing_ = false;
  std::uint64_t refused_ = 0;
};

}  // namespace culvert::audit
