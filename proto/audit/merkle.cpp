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

// Adding one is carrying in binary: each pair of equal subtrees becomes one.
void MerkleTree::append(const crypto::Hash& leaf) {
  auto hash = leaf;
  for (auto bits = size_; (bits & 1U) != 0; bits >>= 1U) {
    hash = node_hash(subtrees_.back(), hash);
    subtrees_.pop_back();
  }
  subtrees_.push_back(hash);
  ++size_;
}

crypto::Hash MerkleTree::root() const {
  if (subtrees_.empty()) return crypto::sha256(ByteView{});
  auto hash = subtrees_.back();
  for (std::size_t i = subtrees_.size() - 1; i-- > 0;) hash = node_hash(subtrees_[i], hash);
  return hash;
}

}  // namespace culvert::audit
