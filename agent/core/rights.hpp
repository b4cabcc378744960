// The rights that the grants in force give now, as one value. The core computes the rights from the
// evidence and the leases, compares them with the previous rights, and applies the difference
// (access.cpp).
#pragma once

#include <map>
#include <set>
#include <vector>

#include "agent/core/core.hpp"
#include "agent/core/process_tag.hpp"
#include "proto/core/prefix.hpp"
#include "proto/core/rate_limit.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/grants/lease_tracker.hpp"

namespace culvert::agent {

struct Right {  // one grant in force, as this node sees it
  trust::LiveGrant live;
  trust::Node other;  // the device (seen from the site) or the publisher (seen from the laptop)
  IpAddress grantee;  // mesh address of the device
  Endpoint service;   // mesh address and port
  Bytes issuer;       // certificate of the publisher's server issuer
};
using Rights = std::map<trust::GrantId, Right>;

struct PeerState {  // kept while the node is a peer
  Processes processes;
  RateLimit resets{10ms, 64};      // resets that answer packets of no flow
  std::optional<Instant> stopped;  // when the peer's agent announced its stop
};
struct PeerNeed {
  trust::Node node;
  std::set<Prefix> allowed;
  bool owns_relay = true;  // no other peer had the same relay key before
  PeerState state = {};
};
using Peers = std::map<crypto::WireGuardKey, PeerNeed>;

// The leases of each site that has live grants on this node: the vendor's leases from the
// coordinator, or the customer's own leases, or both, as the site's policy says. A laptop needs
// only the vendor's leases: the site's agent asks the customer.
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
  bool fresh(Now now) const;  // true: every grant that needs a lease has one
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

// The live grants that concern this node: a laptop's own grants; at a site agent, grants for
// services that the agent itself publishes.
std::vector<trust::LiveGrant> concerning(std::vector<trust::LiveGrant> live, Role role,
                                         const trust::IdentityKey& self);
// Publishers that have not answered lately → until when other publishers are preferred.
using Silent = std::map<trust::IdentityKey, Instant>;
// The right that one live grant gives; nothing when the grant has no publisher yet. `keep`: the
// right so far. Another publisher is chosen only when the present one is silent; while all are
// silent, they are tried in turn.
std::optional<Right> right_of(const trust::LiveGrant& live, Role role,
                              const trust::IdentityKey& self, const Right* keep,
                              const Silent& silent);
// Whether a grant for `service` covers `name`: the service's name or, with TLS, a host below it. A
// host below another one of `sites` belongs to that site only.
bool covers(const trust::PolicyService& service, const trust::Fqdn& name,
            const std::vector<trust::SiteRef>& sites);
// The right for `name`: of all services that cover it the one with the longest name, and of that
// service's grants the one that ends last. Null: no right covers `name`.
const Right* right_to(const Rights& rights, const trust::Fqdn& name,
                      const std::vector<trust::SiteRef>& sites);
// The peers that the rights need. A key belongs to the identity that has it in `before`, else to
// the identity of the first grant. Another identity with the same WireGuard key is no peer
// (is_disputed()); another one with the same relay key has no relay. (The Prober handles several
// claims of one disco key.)
Peers peers_of(const Rights& rights, Role role, const Peers& before);
// True when the node's WireGuard key belongs to another identity.
bool is_disputed(const trust::Node& node, const Rights& rights, const Peers& before);

}  // namespace culvert::agent
