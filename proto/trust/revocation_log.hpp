// What a lease server tells its site's agents before it signs a lease for them: the revocations of
// devices, nodes, keys and enrolments, and of standing lines that need no lease. A grant's own
// revocation need not be told: the lease leaves the grant out.
//
// The order is that of arrival, so that an agent's mark (how many it was told, and their digest)
// says where to go on: one more revocation costs one more note, however many there are.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <vector>

#include "proto/note/note.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/statements/document_mark.hpp"

namespace culvert::trust {

class RevocationLog {
 public:
  // Takes what `evidence` holds for the site and is not in the log yet, the newest first.
  void update(const Evidence& evidence, const SiteId& site);

  // The notes after those of the mark; nothing: the mark is no beginning of this log.
  std::optional<std::span<const note::Note>> after(const DocumentMark& told) const;
  // The mark once `note` is told as well. Nobody has been told anything: DocumentMark{}.
  static DocumentMark next(const DocumentMark& told, const note::Note& note);

 private:
  std::vector<note::Note> notes_;
  std::vector<Hash> digests_;  // after each of them
  std::set<Hash> known_;
};

}  // namespace culvert::trust
