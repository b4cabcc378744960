// Copies of the signed revocations that this node has accepted. A coordinator that has lost some
// (its store was restored from an older copy) gets them back from here. The revocations' effect is
// stored elsewhere, in the floors. When the store is full, the site with the most revocations loses
// the one that is over first.
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

  // True: the note was added. The caller must have verified the note.
  bool add(const note::Note& note, Now now);
  bool forget(Now now);  // forgets revocations that are over; true: there were some
  std::size_t size() const { return kept_.size(); }
  std::vector<note::Note> notes() const;
  const std::string* find(const control::NoteId& id) const;  // null: not kept
  // The ids of all revocations of each site for which the coordinator has another set, ascending.
  std::vector<control::NoteId> unlike(const std::vector<control::RevocationSet>& theirs) const;

 private:
  struct Kept {
    crypto::Hash site;  // zero: the revocation belongs to no site
    std::string note;
    WallTime over;
  };
  void make_room();

  std::map<control::NoteId, Kept> kept_;
  std::size_t bytes_ = 0;
};

}  // namespace culvert::agent
