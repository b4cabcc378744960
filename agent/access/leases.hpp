// The leases of this agent: for each grant in force that needs one, whether a lease covers it now.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "agent/terms/role.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/grants/lease_tracker.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::agent {

// The leases of each site that has live grants on this node: the vendor's leases from the
// coordinator, or the customer's own leases, or both, as the site's policy says. A laptop needs
// only the vendor's leases: the site's agent asks the customer.
class Leases {
 public:
  Leases(Role role, trust::IdentityKey agent, Rng& rng) : role_(role), agent_(agent), rng_(rng) {}

  void set_wanted(Now now, const std::vector<trust::LiveGrant>& live);
  // The questions to that side that are due, at most `most`; further questions stay due.
  std::vector<trust::LeaseRequest> due(Now now, trust::RootKind by, std::size_t most = SIZE_MAX);
  bool begins_round(Now now, trust::RootKind by) const;
  void ask_again(Now now, trust::RootKind by);  // at once, not at the next third of a lease
  // The device that uses a grant or a standing line which needs a lease; null: not wanted.
  const trust::IdentityKey* device_of(const trust::GrantId& grant) const;
  // Verifies a lease and accepts it for the side that signed it and no other, whoever has carried
  // it. Then the evidence heeds the documents that the lease names.
  Status take(Now now, const note::Note& note, trust::Evidence& evidence);
  bool covers(Now now, const trust::LiveGrant& live) const;
  bool fresh(Now now) const;  // true: every grant that needs a lease has one
  bool wants(trust::RootKind by) const { return !trackers(by).empty(); }
  Instant next_deadline(Now now) const;

 private:
  using Trackers = std::map<trust::SiteId, trust::LeaseTracker>;
  Status accept(Now now, const trust::VerifiedLease& verified);
  bool needs(trust::RootKind by, trust::LeaseBy said) const;
  void set_wanted(Now now, trust::RootKind by, const std::vector<trust::LiveGrant>& live);
  bool covers(Now now, const trust::GrantId& grant, const trust::SiteId& site,
              trust::LeaseBy said) const;
  Trackers& trackers(trust::RootKind by) {
    return by == trust::RootKind::kVendor ? vendor_ : customer_;
  }
  const Trackers& trackers(trust::RootKind by) const {
    return by == trust::RootKind::kVendor ? vendor_ : customer_;
  }

  Role role_;
  trust::IdentityKey agent_;
  Rng& rng_;
  Trackers vendor_, customer_;
  struct Wanted {
    trust::SiteId site;
    trust::LeaseBy by;
    trust::IdentityKey device;
  };
  std::map<trust::GrantId, Wanted> wanted_;
};

}  // namespace culvert::agent
