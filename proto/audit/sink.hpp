// Where audit entries go. A caller that opens something appends the entry first and goes on only
// when append() returns without error. A caller that ends something acts first and appends after.
#pragma once

#include <span>
#include <vector>

#include "proto/audit/entry.hpp"
#include "proto/audit/merkle.hpp"
#include "proto/core/result.hpp"

namespace culvert::audit {

enum class Purpose {
  kOpening,  // something is about to be allowed: refused when space runs out
  kEnding,   // something has ended: may use the space that is held back for endings
};

class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;

  // On success all entries are durable. On error none of them counts, and the error says what to
  // do.
  virtual Status append(std::span<const Entry> entries, Purpose purpose) = 0;
  Status append(const Entry& entry, Purpose purpose) { return append({&entry, 1}, purpose); }

  virtual TreeHead head() const = 0;
  virtual Result<std::vector<Entry>> read(const Query& query) const = 0;
};

// For tests and the simulator: keeps the entries in memory, for as long as the owner keeps the
// object.
class MemorySink final : public Sink {
 public:
  using Sink::append;
  Status append(std::span<const Entry> entries, Purpose purpose) override;
  TreeHead head() const override { return tree_.head(); }
  Result<std::vector<Entry>> read(const Query& query) const override;

  const std::vector<Entry>& entries() const { return entries_; }
  void set_failing(bool failing) { failing_ = failing; }  // acts like a full disk; endings pass
  std::uint64_t refused() const { return refused_; }      // appends refused by set_failing()

 private:
  std::vector<Entry> entries_;
  MerkleTree tree_;
  bool failing_ = false;
  std::uint64_t refused_ = 0;
};

}  // namespace culvert::audit
