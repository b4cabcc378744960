// What a lease server tells its site's agents before it signs a lease for them: the revocations of
// devices, nodes, keys and enrolments, and of standing lines that need no lease. A grant's own
// revocation need not be told: the lease leaves the grant out.
//
// The revocations stand in the order of their arrival, so that an agent's mark (the number of
// revocations that the agent knows, and their digest) says where to go on.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <vector>

#include "proto/note/note.hpp"
#include "proto/trust/register/register.hpp"
#include "proto/trust/statements/document_mark.hpp"

namespace culvert::trust {

class RevocationLog {
 public:
  // Takes what `who` holds for the site and is not in the log yet, the newest first.
  void update(const Register& who, const SiteId& site);

  // The notes after the mark; nothing: the mark names no beginning of this log.
  std::optional<std::span<const note::Note>> after(const DocumentMark& told) const;
  // The mark of an agent with the mark `told` that is now told `note` as well. An agent that was
  // told nothing has DocumentMark{}.
  static DocumentMark next(const DocumentMark& told, const note::Note& note);

 private:
  std::vector<note::Note> notes_;
  std::vector<Hash> digests_;  // after each note
  std::set<Hash> known_;
};

}  // namespace culvert::trust
