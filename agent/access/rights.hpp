// The rights that the grants in force give now, as one value, and the questions about them. Granted
// (granted.hpp) decides the rights.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "agent/terms/permits.hpp"
#include "agent/terms/role.hpp"
#include "proto/trust/grants/access.hpp"

namespace culvert::agent {

struct Right {  // one grant in force, as this node sees it
  trust::LiveGrant live;
  trust::Node other;  // the device (seen from the site) or the publisher (seen from the laptop)
  IpAddress grantee;  // mesh address of the device
  Endpoint service;   // mesh address and port
  Bytes issuer;       // certificate of the publisher's server issuer

  Permit permit() const { return {grantee, service, other.wireguard}; }
  // The time of a grant runs from its first use (claim); a standing line has no first use.
  bool waits_for_claim() const { return !live.standing && !live.claimed; }
};
using Rights = std::map<trust::GrantId, Right>;

// The live grants that concern this node: a laptop's own grants; at a site agent, grants for
// services that the agent itself publishes.
std::vector<trust::LiveGrant> concerning(std::vector<trust::LiveGrant> live, Role role,
                                         const trust::IdentityKey& self);
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
// The right to which a use is charged: of all services that match the one with the longest name,
// and of that service's grants the grant that ends last. Null: no right matches. A use is named by
//   - a host name (a laptop's proxy, its resolver): the service's name or a name below it;
//   - an address and port (a laptop's packets): the service's own;
//   - a device and a service's full name (the terminator at the site).
const Right* right_to(const Rights& rights, const trust::Fqdn& name,
                      const std::vector<trust::SiteRef>& sites);
const Right* right_to(const Rights& rights, const Endpoint& service);
const Right* right_to(const Rights& rights, const IpAddress& grantee, const std::string& fqdn);
// The peers that the rights need. A key belongs to the identity that has it in `before`, else to
// the identity of the first grant. Another identity with the same WireGuard key is no peer
// (is_disputed()); another one with the same relay key has no relay. (The Prober handles several
// claims of one disco key.)
PeerSet peers_of(const Rights& rights, Role role, const PeerSet& before);
// What the rights permit, for Mesh; `before`: the peers of the previous value.
Permits permits_of(const Rights& rights, Role role, const PeerSet& before);
// True when the node's WireGuard key belongs to another identity.
bool is_disputed(const trust::Node& node, const Rights& rights, const PeerSet& before);

}  // namespace culvert::agent
