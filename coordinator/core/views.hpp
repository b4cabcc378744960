// What each node has been told, and the deltas that bring it up to date.
//
// Every step of a node has a number; numbers of this run only grow and are never given twice. Of
// each note the number of its last change is kept, of what was dropped the last kMaxDropped, so a
// node that says which number it has is told exactly what came after it. Who has an older number
// than that, one of another run or none is told everything.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/core/audience.hpp"
#include "proto/control/message.hpp"

namespace culvert::coordinator {

inline constexpr std::size_t kMaxViews = 8192;  // beyond, one is forgotten: its node starts in full
inline constexpr std::size_t kMaxDropped = 256;  // of one node; beyond, the oldest is forgotten
inline constexpr std::size_t kMaxDeltaBytes = 512U << 10U;  // of notes in one delta

class Views {
 public:
  // After a hello: what came after `since`, or everything.
  std::vector<control::Delta> resume(const trust::IdentityKey& node, bool same_run,
                                     std::uint64_t since, const View& view, const Ledger& ledger);
  // For a connected node; empty when nothing changed.
  std::vector<control::Delta> update(const trust::IdentityKey& node, const View& view,
                                     const Ledger& ledger);
  std::uint64_t seq(const trust::IdentityKey& node) const;

 private:
  struct Told {
    struct Note {
      crypto::Hash whole;  // with signature lines
      std::uint64_t seq = 0;
    };
    std::map<control::NoteId, Note> notes;
    std::deque<std::pair<std::uint64_t, control::NoteId>> dropped;  // oldest first
    std::uint64_t seq = 0;                                          // of the last step
    std::uint64_t floor = 0;  // what came after an older number is not known
  };
  Told& told(const trust::IdentityKey& node);
  void advance(Told& known, const View& view, const Ledger& ledger);

  std::map<trust::IdentityKey, Told> told_;
  std::uint64_t last_seq_ = 0;
};

}  // namespace culvert::coordinator
