// Copies of the signed revocations that this node has taken. A coordinator whose store is an older
// copy has lost revocations, and gets them back from here (Offers). The floors remember what the
// revocations end, so this node needs no copy itself. A copy is forgotten by the age of the store
// and never by the wall clock. When there is no room, the site with the most copies loses the copy
// that is over first.
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

  // True: the note was added. The caller has verified the note and removed lines of unknown keys.
  bool add(Now now, const note::Note& note, const trust::Evidence& evidence);
  bool forget(trust::StoreAge age);  // removes copies that are over; true: there were some
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
