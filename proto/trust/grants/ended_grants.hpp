// The tombstones of ended grants, and the number that each device is charged for.
#pragma once

#include <map>
#include <vector>

#include "proto/trust/grants/grant_floors.hpp"
#include "proto/trust/register/tally.hpp"

namespace culvert::trust {

class EndedGrants {
 public:
  explicit EndedGrants(std::map<GrantId, Tombstone> tombstones);

  const Tombstone* find(const GrantId& id) const;  // null: not ended
  bool contains(const GrantId& id) const { return tombstones_.contains(id); }
  std::size_t of_device(const IdentityKey& device) const { return of_device_.of(device); }
  std::size_t of_devices() const { return of_device_.total(); }

  void add(const GrantId& id,
           const Tombstone& ended);  // a grant ends once: a second end is nothing
  // Forgets the tombstones whose time has ended at this age of the store (in a full table also
  // those that the wall clock calls over for kLongOver), and returns the ids of their grants.
  std::vector<GrantId> forget(WallTime now, StoreAge age);

  const std::map<GrantId, Tombstone>& all() const { return tombstones_; }

 private:
  std::map<GrantId, Tombstone> tombstones_;
  Tally<IdentityKey> of_device_;  // tombstones whose device is known
};

}  // namespace culvert::trust
