// Proofs about the audit log's tree (RFC 6962 §2.1.1 and §2.1.2, checked as RFC 9162 §2.1.3.2 and
// §2.1.4.2 say): that an entry is in the log of a head, and that a log only grew between two heads.
#pragma once

#include <cstdint>
#include <vector>

#include "proto/audit/merkle.hpp"
#include "proto/core/result.hpp"

namespace culvert::audit {

using Proof = std::vector<crypto::Hash>;

struct Span {  // of leaves
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};
// The spans of leaves whose hashes are the proof, in the order of the proof. index < size;
// old_size <= size.
std::vector<Span> inclusion_spans(std::uint64_t index, std::uint64_t size);
std::vector<Span> consistency_spans(std::uint64_t old_size, std::uint64_t size);

// Makes a proof from subtrees. The caller adds subtrees from left to right until they cover the
// whole log.
class ProofMaker {
 public:
  explicit ProofMaker(const std::vector<Span>& spans);
  // True when each subtree lies wholly inside or outside of each span. False: the caller must add
  // the single leaves instead.
  bool can_use(const Subtrees& subtrees) const;
  void add(const Subtree& next);  // ignores a subtree that no span needs
  Result<Proof> take() const;     // kNotFound: leaves are missing

 private:
  struct Part {
    Span span;
    Subtrees have;
  };
  std::vector<Part> parts_;
};

bool verify_inclusion(const crypto::Hash& leaf, std::uint64_t index, const Proof& proof,
                      const TreeHead& head);
bool verify_consistency(const TreeHead& before, const TreeHead& after, const Proof& proof);

}  // namespace culvert::audit
