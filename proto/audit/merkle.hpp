// The Merkle tree of RFC 6962 §2.1: SHA-256, leaves hashed as 0x00 ‖ entry, nodes as
// 0x01 ‖ left ‖ right. A tree keeps only the roots of its complete subtrees: O(log n) memory.
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

// A complete subtree: `leaves` is a power of two, and `first`, the number of the first leaf, is a
// multiple of `leaves`.
struct Subtree {
  std::uint64_t first = 0;
  std::uint64_t leaves = 1;
  crypto::Hash hash;

  std::uint64_t end() const { return first + leaves; }
  friend bool operator==(const Subtree&, const Subtree&) = default;
};

// The largest complete subtrees that cover the leaves from `first` to end(), from left to right.
// The root of a whole tree is computed from its Subtrees. Proofs about entries outside of a file
// need only the Subtrees of the file, so the file itself may be deleted.
class Subtrees {
 public:
  explicit Subtrees(std::uint64_t first = 0) : first_(first), end_(first) {}

  void append(const crypto::Hash& leaf) { add({end_, 1, leaf}); }
  bool add(const Subtree& next);  // false: `next` does not begin at end(), or is not complete
  bool add(const Subtrees& next);

  std::uint64_t first() const { return first_; }
  std::uint64_t end() const { return end_; }
  const std::vector<Subtree>& list() const { return list_; }
  crypto::Hash root() const;  // the root of a tree of these leaves; without leaves: SHA-256 of ""
  friend bool operator==(const Subtrees&, const Subtrees&) = default;

 private:
  std::uint64_t first_;
  std::uint64_t end_;
  std::vector<Subtree> list_;
};

class MerkleTree {
 public:
  void append(const crypto::Hash& leaf) { subtrees_.append(leaf); }
  bool add(const Subtrees& next) { return subtrees_.add(next); }
  std::uint64_t size() const { return subtrees_.end(); }
  crypto::Hash root() const { return subtrees_.root(); }  // of the empty tree: SHA-256 of ""
  TreeHead head() const { return {size(), root()}; }

 private:
  Subtrees subtrees_;
};

}  // namespace culvert::audit
