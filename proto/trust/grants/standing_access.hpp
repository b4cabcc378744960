// Standing access: lines of a policy that open a service to one identity without a request and
// without an approval. The id of a line is derived from the line, so that people can deny it.
#pragma once

#include <map>
#include <vector>

#include "proto/trust/grants/access.hpp"
#include "proto/trust/grants/ended_grants.hpp"
#include "proto/trust/register/earliest.hpp"
#include "proto/trust/register/register.hpp"

namespace culvert::trust {

class StandingAccess {
 public:
  // Adds the lines of the policies that are in force now. A line also ends at a moment of
  // CLOCK_BOOTTIME, set when the line is first seen, so that a wall clock that goes back extends no
  // line.
  void advance(Now now, const Register& who);
  // The lines that are open now and that nobody has denied.
  std::vector<LiveGrant> live(Now now, const Register& who, const EndedGrants& ended) const;
  void add_ends(Earliest& earliest, const Register& who) const;
  // When the line ends by the policy; nothing: no line has this id.
  static std::optional<WallTime> end_of(const GrantId& id, const Register& who);

 private:
  std::map<GrantId, Instant> ends_;
};

}  // namespace culvert::trust
