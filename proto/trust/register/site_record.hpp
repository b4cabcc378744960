// What the register holds of each site, and of each statement. Only for the sources of Register.
#pragma once

#include <map>
#include <optional>

#include "proto/note/note.hpp"
#include "proto/trust/statements/enrolled.hpp"
#include "proto/trust/statements/enrolment.hpp"
#include "proto/trust/statements/fresh.hpp"
#include "proto/trust/statements/policy.hpp"
#include "proto/trust/statements/site.hpp"

namespace culvert::trust {

// A statement with the note that brought it. `vouched`: its signatures hold under the current
// roots.
template <class Statement>
struct Held {
  Statement statement;
  note::Note note;
  bool vouched = false;
};

struct SiteRecord {
  SiteId id;
  bool pinned = false;              // by the pins or by an operator
  std::optional<Held<Site>> entry;  // the statement in the vendor's directory
  std::optional<Held<Policy>> policy;
  std::optional<Held<Fresh>> fresh;  // the newest fresh note
  std::map<Hash, Held<Enrolment>> enrolments;
  std::map<Hash, Held<Enrolled>> enrolled;  // by the hash of the note
};

}  // namespace culvert::trust
