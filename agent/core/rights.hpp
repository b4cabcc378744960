// What the grants in force let through right now, as one value: computed from the evidence and the
// leases, compared with the last one, applied by difference (core.cpp).
#pragma once

#include <map>
#include <set>
#include <vector>

#include "agent/core/core.hpp"
#include "agent/core/process_tag.hpp"
#include "proto/core/prefix.hpp"
#include "proto/core/rate_limit.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/lease_tracker.hpp"

namespace culvert::agent {

struct Right {  // one grant in force, as this node sees it
  trust::LiveGrant live;
  trust::Node other;  // the device (seen from the site) or the publisher (seen from the laptop)
  IpAddress grantee;  // mesh address of the device
  Endpoint service;   // mesh address and port
  Bytes issuer;       // of the publisher
};
using Rights = std::map<trust::GrantId, Right>;

struct PeerState {  // kept while the node is a peer
  Processes processes;
  RateLimit resets{10ms, 64};      // for packets of no flow
  std::optional<Instant> stopped;  // when its agent said so
};
struct PeerNeed {
  trust::Node node;
  std::set<Prefix> allowed;
  bool owns_relay = true;  // no other peer had its relay key before
  PeerState state = {};
};
using Peers = std::map<crypto::WireGuardKey, PeerNeed>;

// The leases of each site that has live grants here: the vendor's by the coordinator, and where the
// site's policy says so the customer's own in its place or beside it. A laptop needs the vendor's
// alone: the site's agent asks the customer.
class Leases {
 public:
  Leases(Role role, trust::IdentityKey agent, Rng& rng) : role_(role), agent_(agent), rng_(rng) {}

  void set_wanted(Now now, const std::vector<trust::LiveGrant>& live);
  void ask_now(Now now);  // the coordinator
  // At most `most` questions to that side; the rest stays due.
  std::vector<trust::LeaseRequest> due(Now now, trust::RootKind by, std::size_t most = SIZE_MAX);
  bool begins_round(Now now, trust::RootKind by) const;
  void ask_again(Now now, trust::RootKind by);
  // The device that uses a grant or a standing line which needs a lease; null: not wanted.
  const trust::IdentityKey* device_of(const trust::GrantId& grant) const;
  // Counts for the side that signed it and no other.
  Status accept(Now now, const trust::VerifiedLease& verified);
  bool covers(const trust::LiveGrant& live, Now now) const;
  bool fresh(Now now) const;  // every grant that needs one has one
  bool wants(trust::RootKind by) const { return !trackers(by).empty(); }
  Instant next_deadline(Now now) const;

 private:
  using Trackers = std::map<trust::SiteId, trust::LeaseTracker>;
  bool needs(trust::RootKind by, trust::LeaseBy said) const;
  void set_wanted(Now now, trust::RootKind by, const std::vector<trust::LiveGrant>& live);
  bool covers(const trust::GrantId& grant, const trust::SiteId& site, trust::LeaseBy said,
              Now now) const;
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

// The live grants that concern this node: a laptop's own; at a site those of services that it
// publishes itself.
std::vector<trust::LiveGrant> concerning(std::vector<trust::LiveGrant> live, Role role,
                                         const trust::IdentityKey& self);
// Publishers that have not answered lately, and until when they are passed over.
using Silent = std::map<trust::IdentityKey, Instant>;
// Of one live grant; nothing where no publisher is there yet. `keep`: the publisher so far; another
// is chosen only when that one is silent, and all are tried in turn while all are.
std::optional<Right> right_of(const trust::LiveGrant& live, Role role,
                              const trust::IdentityKey& self, const Right* keep,
                              const Silent& silent);
// Whether a grant for `service` is one for `name`: the service itself or, where TLS tells hosts
// apart, a host below it. What is below another of `sites` is that site's alone.
bool covers(const trust::PolicyService& service, const trust::Fqdn& name,
            const std::vector<trust::SiteRef>& sites);
// That of the service nearest to `name`, whatever else covers it; of its grants the one that ends
// last. Null: none.
const Right* right_to(const Rights& rights, const trust::Fqdn& name,
                      const std::vector<trust::SiteRef>& sites);
// Keys belong to the identity that has them in `before`, else to the one of the first grant:
// another that claims the same WireGuard key is no peer (is_disputed), one that claims the same
// relay key has no relay. (A disco key that several claim is the prober's matter.)
Peers peers_of(const Rights& rights, Role role, const Peers& before);
// Does this WireGuard key belong to another identity?
bool is_disputed(const trust::Node& node, const Rights& rights, const Peers& before);

}  // namespace culvert::agent
