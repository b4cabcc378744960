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

}  // namespace culvert::audit
