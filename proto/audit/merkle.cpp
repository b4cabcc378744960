#include "proto/audit/merkle.hpp"

#include <array>

#include "proto/crypto/hash.hpp"

namespace culvert::audit {
namespace {
constexpr std::array<std::uint8_t, 1> kLeaf = {0};
constexpr std::array<std::uint8_t, 1> kNode = {1};
}  // namespace

crypto::Hash leaf_hash(ByteView entry) { return crypto::sha256({kLeaf, entry}); }

crypto::Hash node_hash(const crypto::Hash& left, const crypto::Hash& right) {
  return crypto::sha256({kNode, left.view(), right.view()});
}

// Works like a carry in binary addition: two neighbours that form a complete subtree are merged
// into it, again and again.
bool Subtrees::add(const Subtree& next) {
  const bool power = next.leaves != 0 && (next.leaves & (next.leaves - 1)) == 0;
  if (next.first != end_ || !power || next.first % next.leaves != 0 ||
      next.leaves > UINT64_MAX - next.first) {
    return false;
  }
  end_ = next.end();
  Subtree merged = next;
  while (!list_.empty()) {
    const auto& left = list_.back();
    if (left.leaves != merged.leaves || left.first % (2 * merged.leaves) != 0) break;
    merged = {left.first, 2 * merged.leaves, node_hash(left.hash, merged.hash)};
    list_.pop_back();
  }
  list_.push_back(merged);
  return true;
}

bool Subtrees::add(const Subtrees& next) {
  if (next.first_ != end_) return false;
  for (const auto& subtree : next.list_) {
    if (!add(subtree)) return false;
  }
  return true;
}

crypto::Hash Subtrees::root() const {
  if (list_.empty()) return crypto::sha256(ByteView{});
  auto hash = list_.back().hash;
  for (std::size_t i = list_.size() - 1; i-- > 0;) hash = node_hash(list_[i].hash, hash);
  return hash;
}

}  // namespace culvert::audit
