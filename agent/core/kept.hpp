// The signed revocations that this node has taken, kept so that a coordinator which has lost them
// (its store is an older copy) gets them back. What they end, the floors remember; these are
// copies. Full: the site with most of them loses the one that is over first.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "proto/control/message.hpp"
#include "proto/core/time.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/names.hpp"

namespace culvert::agent {

class KeptRevocations {
 public:
  static constexpr std::size_t kMaxKept = 1024;
  static constexpr std::size_t kMaxBytes = std::size_t{512} << 10U;

  // True: it was added. The note must have been verified.
  bool add(const note::Note& note, Now now);
  bool forget(Now now);  // those that are over; true: there were some
  std::size_t size() const { return kept_.size(); }
  std::vector<note::Note> notes() const;
  const std::string* find(const control::NoteId& id) const;  // null: not kept
  // Those of every site for which the coordinator has another set, in ascending order.
  std::vector<control::NoteId> unlike(const std::vector<control::RevocationSet>& theirs) const;

 private:
  struct Kept {
    crypto::Hash site;  // zero: of no site
    std::string note;
    WallTime over;
  };
  void make_room();

  std::map<control::NoteId, Kept> kept_;
  std::size_t bytes_ = 0;
};

}  // namespace culvert::agent
