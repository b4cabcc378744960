// The grants' inside: the records of the grants, and one function for each rule. Only for the
// sources of Grants.
#pragma once

#include <algorithm>
#include <map>
#include <optional>

#include "proto/trust/grants/approval.hpp"
#include "proto/trust/grants/ended_grants.hpp"
#include "proto/trust/grants/grants.hpp"
#include "proto/trust/grants/leased_documents.hpp"
#include "proto/trust/grants/limits.hpp"
#include "proto/trust/grants/standing_access.hpp"

namespace culvert::trust {

struct GrantRecord {
  Grant grant;
  note::Note note;
  Approval approval;
  std::optional<Instant> steady_end;   // set when the grant comes into force; a claim shortens it
  std::optional<WallTime> claimed_at;  // the first use

  bool claimed() const { return claimed_at.has_value(); }
  WallTime ends() const {
    return claimed() ? std::min(grant.not_after, *claimed_at + grant.duration) : grant.not_after;
  }
};

struct Grants::State {
  State(Register& register_of, GrantFloors from, bool sees_no_use);

  WallTime clock(Now now) const { return who.clock().clock(now); }
  const GrantRecord* find(const GrantId& id) const;  // null: not held

  // offer.cpp
  // The device has signed the request, the device's statement is in force, its person is the
  // requester, and no other text is held under the same id.
  Status check_text(Now now, const Grant& grant, const note::Note& note) const;
  Status check_bearer(Now now, const Grant& grant, const note::Note& note) const;
  Status room_for(const Grant& grant) const;  // the shares of its device and of its site
  bool over(WallTime clock, const Grant& grant) const;

  // time.cpp
  // Why the grant is not in force; errors are for people only and have the code kDenied.
  Status check_in_force(Now now, const GrantRecord& record) const;
  Status check_may_begin(Now now, const GrantRecord& record) const;  // not for a begun grant
  bool in_window(Now now, const GrantRecord& record) const;
  void end(Now now, const GrantId& id, WallTime not_after, EndCause cause);
  WallTime end_of(Now now, const GrantId& id) const;  // of an unknown grant: the latest possible
  void prune(Now now);

  Register& who;
  bool observer;
  EndedGrants ended;
  std::map<GrantId, Claim> claims;
  WallTime grants_from;
  bool locked = false;
  std::map<GrantId, GrantRecord> grants;
  Tally<IdentityKey> running_of_device;  // grants without a tombstone
  Tally<SiteId> running_at_site;
  StandingAccess standing;
  LeasedDocuments leased;
  std::uint64_t revision = 1;
  StoreAge pruned;
};

}  // namespace culvert::trust
