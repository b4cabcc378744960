// Which relays of the coordinator's list a node uses. The coordinator is not trusted: the policy of
// a site may name the relays that carry the site's packets (`relay:` lines), and the private
// addresses that a relay of the list may have (`private:` lines). Pure.
//
//   an agent of a site   keeps the first kKeptRelays of the list that its site's policy admits
//   a laptop             keeps the first kKeptRelays of the list, and for each site with `relay:`
//                        lines the first kKeptRelays that the policy admits, for that site only
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proto/control/answers.hpp"
#include "proto/core/prefix.hpp"
#include "proto/trust/statements/policy.hpp"

namespace culvert::agent {

// How many relays of a list a node keeps, from its beginning: two nodes of one list always have a
// relay in common.
constexpr std::size_t kKeptRelays = 2;

struct RelayUse {
  control::RelayInfo info;
  std::vector<Prefix> inside = {};  // private prefixes at which the relay may be (leads_inside())
  bool kept = false;                // true: connect to the relay; false: use it for STUN only
  friend bool operator==(const RelayUse&, const RelayUse&) = default;
};
using RelayIds = std::set<std::string>;

// The relays that a node uses, and for each peer (by its relay key) whose site names its relays,
// the relays that may carry the peer's packets.
struct RelayPlan {
  std::vector<RelayUse> map;
  std::map<crypto::RelayKey, RelayIds> met_at;
};

// The list without relays whose id stands earlier in it: ids are the coordinator's words, and one
// id must not stand for a relay of the policy and for another one.
std::vector<control::RelayInfo> distinct(std::vector<control::RelayInfo> offered);

// For an agent whose site has this policy. A relay that a `relay:` line names has that line's
// certificate and may stand at any address.
std::vector<RelayUse> relays_of_site(const std::vector<control::RelayInfo>& offered,
                                     const trust::Policy& policy);

// The relays at which laptops meet a site with this policy. Nothing: the policy has no `relay:`
// lines, and laptops meet the site at any relay.
std::optional<RelayIds> met_at(const std::vector<control::RelayInfo>& offered,
                               const trust::Policy& policy);

// For a laptop with rights at sites that are met at these relays alone. The laptop proves each
// relay by its key (DERP's login); the certificate is the coordinator's word, so that no site can
// spoil a relay for the others.
std::vector<RelayUse> relays_of_laptop(const std::vector<control::RelayInfo>& offered,
                                       const std::vector<RelayIds>& sites);

}  // namespace culvert::agent
