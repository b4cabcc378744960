#include "tests/support/memory_sink.hpp"

#include <algorithm>

namespace culvert::audit {

Status MemorySink::append(std::span<const Entry> entries, Purpose purpose) {
  if (failing_ && purpose == Purpose::kOpening) {
    ++refused_;
    return fail(ErrorCode::kExhausted, "audit: no space is left");
  }
  for (const auto& entry : entries) {
    tree_.append(leaf_hash(view(render(entry))));
    entries_.push_back(entry);
  }
  return {};
}

Result<std::vector<Entry>> MemorySink::read(const Query& query) const {
  std::vector<Entry> found;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (found.size() == query.limit) break;
    if (matches(query, *entry)) found.push_back(*entry);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace culvert::audit
