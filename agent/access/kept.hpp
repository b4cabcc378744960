// The signed revocations that this node has taken, kept so that a coordinator which has lost them
// (its store is an older copy) gets them back. What they end, the floors remember; these are
// copies, forgotten by the age of the store and never by the wall clock. Full: the site that
// fills it most loses the one that is over first.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "proto/control/message.hpp"
#include "proto/core/time.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/evidence.hpp"

namespace culvert::agent {

class KeptRevocations {
 public:
  static constexpr std::size_t kMaxKept = 1024;
  static constexpr std::size_t kMaxBytes = std::size_t{512} << 10U;

  // True: it was added. The note must have been verified, and hold no lines of strangers.
  bool add(const note::Note& note, const trust::Evidence& evidence, Now now);
  bool forget(trust::StoreAge age);  // those that are over; true: there were some
  std::size_t size() const { return kept_.size(); }
  std::vector<note::Note> notes() const;
  const std::string* find(const control::NoteId& id) const;  // null: not kept
  // The ids of all revocations of each site for which the coordinator has another set, ascending.
  std::vector<control::NoteId> unlike(const std::vector<control::RevocationSet>& theirs) const;

 private:
  struct Kept {
    crypto::Hash site;  // zero: the revocation belongs to no site
    std::string note;
    trust::StoreAge over;
  };
  void make_room(bool of_bytes);

  std::map<control::NoteId, Kept> kept_;
  std::size_t bytes_ = 0;
};

}  // namespace culvert::agent
