// The chain of one root, verified epoch by epoch from the pinned first epoch. Holds the note of
// every epoch: agents that were offline need all epochs.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/register/register_floors.hpp"
#include "proto/trust/register/root_fork.hpp"
#include "proto/trust/statements/step.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxEpochs = 256;
constexpr std::size_t kMaxRivals = 8;    // texts of other roots that are held; the oldest goes
constexpr std::size_t kMaxWaiting = 64;  // roots that wait for a named root; the oldest goes

// The effect of suspended keys on one chain. `named`: roots that a suspension names and that are
// not known yet; the steps to such a root are verified as if no key were suspended.
struct Suspensions {
  Suspended until;
  std::set<Hash> named;
};

enum class ChainMove { kNone, kLines, kEpoch };  // already known; more signature lines; a new epoch

class RootChain {
 public:
  RootChain(RootKind kind, Hash pin, ChainFloor floor);

  // Errors: kUnverified (no valid step, or an epoch is missing), kConflict (a rival: another
  // validly signed text for a known epoch; the current text stays; for the newest epoch see
  // forked()), kExhausted.
  Result<ChainMove> offer(const note::Note& note, const Suspensions& suspensions = {});

  const Root* current() const;  // null before the first epoch and below the floor
  const Root* first() const { return roots_.empty() ? nullptr : &roots_.front(); }
  const Hash& current_hash() const { return hashes_.back(); }  // only while current() is not null
  std::uint64_t epoch_of(const Hash& hash) const;              // 0: not walked
  bool knows(const Hash& hash) const { return epoch_of(hash) != 0; }
  bool ever_listed(const crypto::PublicKey& key) const;  // in any verified epoch
  // Makes this unsigned root the newest root, to see what the root would end. For copies only.
  void suppose(Root root);
  const ChainFloor& floor() const { return floor_; }
  const Hash& pin() const { return pin_; }
  std::span<const note::Note> notes() const { return notes_; }

  // The newest epoch has two texts: no new grants until the next epoch, or until choose().
  bool forked() const { return floor_.fork == Fork::kStopped; }
  std::optional<RootFork> fork() const;
  const std::deque<note::Note>& rivals() const { return rivals_; }  // of any epoch
  // The operator keeps this text of the newest epoch: the current text or a rival. kNotFound: no
  // text of the newest epoch has this hash.
  Status choose(const Hash& hash);

 private:
  struct Ahead {
    note::Note note;
    Root root;
    Hash hash;
  };
  Result<ChainMove> known_epoch(const note::Note& note, const Root& root, Suspended suspended);
  Result<ChainMove> walk(const note::Note& note, Root root);
  Result<ChainMove> wait(const note::Note& note, const Root& root, const Suspensions& suspensions);
  Result<ChainMove> adopt(const Hash& last);
  std::vector<note::KnownKey> keys_of(std::size_t index, const Root& root) const;
  tl::unexpected<Error> rival(const note::Note& note, std::uint64_t epoch);

  RootKind kind_;
  Hash pin_;
  ChainFloor floor_;
  std::vector<note::Note> notes_;  // [i] is epoch i + 1
  std::vector<Root> roots_;
  std::vector<Hash> hashes_;
  std::deque<note::Note> rivals_;
  std::deque<Ahead> ahead_;
};

}  // namespace culvert::trust
