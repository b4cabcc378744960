// The Merkle tree of RFC 6962 §2.1: SHA-256, leaves hashed as 0x00 ‖ entry, nodes as
// 0x01 ‖ left ‖ right. Keeps only the roots of the complete subtrees: O(log n) memory.
#pragma once

#include <cstdint>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/crypto/keys.hpp"

namespace culvert::audit {

crypto::Hash leaf_hash(ByteView entry);
crypto::Hash node_hash(const crypto::Hash& left, const crypto::Hash& right);

struct TreeHead {
  std::uint64_t size = 0;
  crypto::Hash root;
  friend bool operator==(const TreeHead&, const TreeHead&) = default;
};

class MerkleTree {
 public:
  void append(const crypto::Hash& leaf);
  std::uint64_t size() const { return size_; }
  crypto::Hash root() const;  // of the empty tree: SHA-256 of nothing
  TreeHead head() const { return {size_, root()}; }

 private:
  std::uint64_t size_ = 0;
  std::vector<crypto::Hash> subtrees_;  // largest first, one a set bit of size_
};

}  // namespace culvert::audit
