// What each node has been sent, and the deltas that bring the node up to date. A view comes from
// audience.hpp; the deltas go to the node through send() in core.cpp.
//
// Every step of a node has a number. Numbers of one run only grow and are never used twice. The
// views keep the number of each note's last change, and of the last kMaxDropped dropped notes. So a
// node that says which number it has gets exactly the later changes. A node with an older number,
// with a number of another run, or with none gets everything.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/core/audience.hpp"
#include "proto/control/message.hpp"

namespace culvert::coordinator {

// Beyond, one is forgotten, and its node gets everything.
inline constexpr std::size_t kMaxViews = 8192;
inline constexpr std::size_t kMaxDropped = 256;  // of one node; beyond, the oldest is forgotten
inline constexpr std::size_t kMaxDeltaBytes = 512U << 10U;  // of notes in one delta

class Views {
 public:
  // After a hello: the changes after `since`, or everything.
  std::vector<control::Delta> resume(const trust::IdentityKey& node, bool same_run,
                                     std::uint64_t since, const View& view, const Ledger& ledger);
  // The changes for a connected node; empty: none.
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
    std::uint64_t seq = 0;                                          // number of the last step
    std::uint64_t floor = 0;  // changes after a smaller number are no longer known
  };
  Told& told(const trust::IdentityKey& node);
  void advance(Told& known, const View& view, const Ledger& ledger);

  std::map<trust::IdentityKey, Told> told_;
  std::uint64_t last_seq_ = 0;
};

}  // namespace culvert::coordinator
