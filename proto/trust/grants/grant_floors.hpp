// What the grants must remember across restarts so that no ended grant comes back: tombstones,
// first uses, the lock. One half of trust::Floors; register_floors.hpp has the other half.
#pragma once

#include <map>

#include "proto/trust/register/store_clock.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

enum class EndCause { kExpired, kUnclaimed, kRevoked, kDenied, kWithdrawn };

// An ended grant. Forgotten at an age of the store. `until` matters only in a full table, which may
// drop a tombstone that the wall clock calls over for kLongOver.
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
  WallTime grants_from;  // earlier not-before: the grant is over (set by a reset of the clock)
  bool locked = false;
  std::map<GrantId, Tombstone> tombstones;
  std::map<GrantId, Claim> claims;

  friend bool operator==(const GrantFloors&, const GrantFloors&) = default;
};

}  // namespace culvert::trust
