// The revocations that a lease server tells its site's agents before the server signs a lease for
// them: those of devices, nodes, keys and enrolments, and of standing lines that need no lease.
// The log has no revocations of grants, because the lease leaves revoked grants out.
//
// The log is in order of arrival. An agent's mark (the number of revocations that the agent knows,
// and their digest) therefore says where to continue.
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
  // Adds the revocations of `who` for the site that the log does not have yet, the newest first.
  void update(const Register& who, const SiteId& site);

  // The notes behind the agent's mark `told`. Nothing: no beginning of this log has that mark.
  std::optional<std::span<const note::Note>> after(const DocumentMark& told) const;
  // The mark of an agent that had the mark `told` and now knows `note` as well. An agent that knows
  // no revocation has DocumentMark{}.
  static DocumentMark next(const DocumentMark& told, const note::Note& note);

 private:
  std::vector<note::Note> notes_;
  std::vector<Hash> digests_;  // [i]: the digest after notes_[i]
  std::set<Hash> known_;
};

}  // namespace culvert::trust
