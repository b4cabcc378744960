#include "proto/audit/proof.hpp"

#include <algorithm>

namespace culvert::audit {
namespace {

// The largest power of two below `count`, which is at least 2.
std::uint64_t split_of(std::uint64_t count) {
  std::uint64_t split = 1;
  while (split < count - split) split *= 2;
  return split;
}

bool is_power(std::uint64_t number) { return (number & (number - 1)) == 0; }

// The number of a node and of the last node at one level of the tree, on the way from a leaf to the
// root.
struct Climb {
  std::uint64_t node;
  std::uint64_t last;

  bool is_right() const { return (node & 1U) != 0 || node == last; }
  void up() {
    node >>= 1U;
    last >>= 1U;
  }
  void up_to_right() {  // skips the levels at which the node has no sibling
    while ((node & 1U) == 0 && node != 0) up();
  }
};

}  // namespace

std::vector<Span> inclusion_spans(std::uint64_t index, std::uint64_t size) {
  std::vector<Span> out;
  for (Span at{0, size}; at.end - at.begin > 1;) {
    const auto middle = at.begin + split_of(at.end - at.begin);
    if (index < middle) {
      out.push_back({middle, at.end});
      at.end = middle;
    } else {
      out.push_back({at.begin, middle});
      at.begin = middle;
    }
  }
  std::reverse(out.begin(), out.end());  // from the leaf up
  return out;
}

std::vector<Span> consistency_spans(std::uint64_t old_size, std::uint64_t size) {
  std::vector<Span> out;
  if (old_size == 0 || old_size == size) return out;
  Span at{0, size};
  while (at.end != old_size) {
    const auto middle = at.begin + split_of(at.end - at.begin);
    if (old_size <= middle) {
      out.push_back({middle, at.end});
      at.end = middle;
    } else {
      out.push_back({at.begin, middle});
      at.begin = middle;
    }
  }
  if (at.begin != 0) out.push_back(at);  // a span from 0 is the old root, which the reader has
  std::reverse(out.begin(), out.end());
  return out;
}

ProofMaker::ProofMaker(const std::vector<Span>& spans) {
  for (const auto& span : spans) parts_.push_back({span, Subtrees(span.begin)});
}

bool ProofMaker::can_use(const Subtrees& subtrees) const {
  return std::all_of(parts_.begin(), parts_.end(), [&](const Part& part) {
    return std::all_of(subtrees.list().begin(), subtrees.list().end(), [&](const Subtree& one) {
      const bool apart = one.end() <= part.span.begin || one.first >= part.span.end;
      return apart || (one.first >= part.span.begin && one.end() <= part.span.end);
    });
  });
}

void ProofMaker::add(const Subtree& next) {
  for (auto& part : parts_) {
    if (next.end() <= part.span.end) static_cast<void>(part.have.add(next));
  }
}

Result<Proof> ProofMaker::take() const {
  Proof out;
  for (const auto& part : parts_) {
    if (part.have.end() != part.span.end) {
      return fail(ErrorCode::kNotFound, "the audit log no longer has the entries for this proof");
    }
    out.push_back(part.have.root());
  }
  return out;
}

bool verify_inclusion(const crypto::Hash& leaf, std::uint64_t index, const Proof& proof,
                      const TreeHead& head) {
  if (index >= head.size) return false;
  Climb climb{index, head.size - 1};
  auto hash = leaf;
  for (const auto& other : proof) {
    if (climb.last == 0) return false;
    if (climb.is_right()) {
      hash = node_hash(other, hash);
      climb.up_to_right();
    } else {
      hash = node_hash(hash, other);
    }
    climb.up();
  }
  return climb.last == 0 && hash == head.root;
}

bool verify_consistency(const TreeHead& before, const TreeHead& after, const Proof& proof) {
  if (before.size > after.size) return false;
  if (before.size == 0) return proof.empty() && before.root == Subtrees().root();
  if (before.size == after.size) return proof.empty() && before.root == after.root;
  Proof path = proof;
  if (is_power(before.size)) path.insert(path.begin(), before.root);
  if (path.empty()) return false;
  Climb climb{before.size - 1, after.size - 1};
  while ((climb.node & 1U) != 0) climb.up();
  auto old_hash = path.front();
  auto new_hash = path.front();
  for (std::size_t i = 1; i < path.size(); ++i) {
    if (climb.last == 0) return false;
    if (climb.is_right()) {
      old_hash = node_hash(path[i], old_hash);
      new_hash = node_hash(path[i], new_hash);
      climb.up_to_right();
    } else {
      new_hash = node_hash(new_hash, path[i]);
    }
    climb.up();
  }
  return climb.last == 0 && old_hash == before.root && new_hash == after.root;
}

}  // namespace culvert::audit
