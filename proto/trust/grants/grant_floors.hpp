// What the grants must still know after a restart so that no ended grant comes back: tombstones,
// first uses, the lock. The grants' half of trust::Floors.
#pragma once

#include <map>

#include "proto/trust/register/store_clock.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

enum class EndCause { kExpired, kUnclaimed, kRevoked, kDenied, kWithdrawn };

// An ended grant. Forgotten at an age of the store; `until` only serves a full table, which may
// drop what the wall clock too calls over for kLongOver.
struct Tombstone {
  WallTime until;  // the latest end that the grant could have had
  StoreAge forget;
  EndCause cause = EndCause::kExpired;
  IdentityKey device;  // charged for the tombstone; zero: not known
  friend bool operator==(const Tombstone&, const Tombstone&) = default;
};

// A grant's first use. The grant ends its `duration` after the first use.
struct Claim {
  WallTime at;
  StoreAge forget;
  friend bool operator==(const Claim&, const Claim&) = default;
};

struct GrantFloors {
  WallTime grants_from;  // a grant with an earlier not-before is over (set when the clock is reset)
  bool locked = false;
  std::map<GrantId, Tombstone> tombstones;
  std::map<GrantId, Claim> claims;

  friend bool operator==(const GrantFloors&, const GrantFloors&) = default;
};

}  // namespace culvert::trust
