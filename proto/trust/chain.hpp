// One root's chain, walked epoch by epoch from its pinned first. Holds every note of it: agents
// that were offline need all of them.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/floors.hpp"
#include "proto/trust/root.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxEpochs = 256;

class RootChain {
 public:
  RootChain(RootKind kind, Hash pin, ChainFloor floor);

  // True: the chain moved on; false: this text is known. Errors: kUnverified (no valid step, or an
  // epoch is missing), kConflict (validly signed other text for a known epoch: forked() from now
  // on, the current one stays), kExhausted.
  Result<bool> offer(const note::Note& note);

  const Root* current() const;  // null before the first epoch and below the floor
  const Root* first() const { return roots_.empty() ? nullptr : &roots_.front(); }
  const Hash& current_hash() const { return hashes_.back(); }  // only while current() is not null
  bool knows(const Hash& hash) const;                          // of any epoch walked
  bool forked() const { return floor_.forked; }
  const ChainFloor& floor() const { return floor_; }
  const Hash& pin() const { return pin_; }
  std::span<const note::Note> notes() const { return notes_; }

 private:
  Result<bool> known_epoch(const note::Note& note, const Root& root);

  RootKind kind_;
  Hash pin_;
  ChainFloor floor_;
  std::vector<note::Note> notes_;  // [i] is epoch i + 1
  std::vector<Root> roots_;
  std::vector<Hash> hashes_;
};

// Walks a whole chain at once, as from a file. Errors as RootChain::offer.
Result<RootChain> walk_chain(RootKind kind, const Hash& pin, std::span<const note::Note> notes);

}  // namespace culvert::trust
