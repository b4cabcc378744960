#include "agent/access/rights.hpp"

#include <algorithm>
#include <utility>

namespace culvert::agent {
namespace {

bool is_below(const trust::Fqdn& name, const trust::Fqdn& zone) {
  return name.str().ends_with("." + zone.str());
}

template <class Matches>
const Right* best(const Rights& rights, const Matches& matches) {
  const auto rank = [](const Right& right) {
    return std::pair(right.live.service.name.str().size(), right.live.ends);
  };
  const Right* found = nullptr;
  for (const auto& [id, right] : rights) {
    if (!matches(right)) continue;
    if (found == nullptr || rank(*found) < rank(right)) found = &right;
  }
  return found;
}

}  // namespace

std::vector<trust::LiveGrant> concerning(std::vector<trust::LiveGrant> live, Role role,
                                         const trust::IdentityKey& self) {
  std::erase_if(live, [&](const trust::LiveGrant& one) {
    if (role == Role::kDevice) return one.device.identity != self;
    return std::none_of(one.publishers.begin(), one.publishers.end(),
                        [&](const trust::Publisher& p) { return p.node.identity == self; });
  });
  return live;
}

std::optional<Right> right_of(const trust::LiveGrant& live, Role role,
                              const trust::IdentityKey& self, const Right* keep,
                              const Silent& silent) {
  Right right;
  right.live = live;
  right.grantee = live.device.address();
  right.service = {trust::service_address(live.grant.site.id, live.service.name),
                   live.service.port()};
  if (role == Role::kSite) {
    right.other = live.device;
    return right;
  }
  // The publisher that was found silent longest ago, or never, is chosen. Of equal publishers the
  // present one is chosen, or else the first one.
  const trust::Publisher* chosen = nullptr;
  std::pair<Instant, bool> best;
  for (const trust::Publisher& publisher : live.publishers) {
    const trust::IdentityKey& identity = publisher.node.identity;
    if (identity == self) continue;
    const auto mark = silent.find(identity);
    const bool other = keep == nullptr || keep->other.identity != identity;
    const std::pair rank(mark == silent.end() ? Instant{} : mark->second, other);
    if (chosen != nullptr && rank >= best) continue;
    best = rank;
    chosen = &publisher;
  }
  if (chosen == nullptr) return std::nullopt;
  right.other = chosen->node;
  right.issuer = chosen->service.issuer;
  return right;
}

bool covers(const trust::PolicyService& service, const trust::Fqdn& name,
            const std::vector<trust::SiteRef>& sites) {
  if (name == service.name) return true;
  if (!service.is(trust::Protocol::kTls) || !is_below(name, service.name)) return false;
  return std::none_of(sites.begin(), sites.end(), [&](const trust::SiteRef& site) {
    return (site.name == service.name || is_below(site.name, service.name)) &&
           (name == site.name || is_below(name, site.name));
  });
}

const Right* right_to(const Rights& rights, const trust::Fqdn& name,
                      const std::vector<trust::SiteRef>& sites) {
  return best(rights, [&](const Right& right) { return covers(right.live.service, name, sites); });
}

const Right* right_to(const Rights& rights, const Endpoint& service) {
  return best(rights, [&](const Right& right) { return right.service == service; });
}

const Right* right_to(const Rights& rights, const IpAddress& grantee, const std::string& fqdn) {
  return best(rights, [&](const Right& right) {
    return right.grantee == grantee && right.live.service.name.str() == fqdn;
  });
}

bool is_disputed(const trust::Node& node, const Rights& rights, const PeerSet& before) {
  if (const auto had = before.find(node.wireguard); had != before.end()) {
    return had->second.node.identity != node.identity;
  }
  const auto first = std::find_if(rights.begin(), rights.end(), [&](const auto& one) {
    return one.second.other.wireguard == node.wireguard;
  });
  return first != rights.end() && first->second.other.identity != node.identity;
}

PeerSet peers_of(const Rights& rights, Role role, const PeerSet& before) {
  PeerSet peers;
  std::map<crypto::RelayKey, trust::IdentityKey> relays;
  for (const auto& [key, had] : before) {
    if (had.owns_relay) relays.emplace(had.node.relay, had.node.identity);
  }
  for (const auto& [id, right] : rights) {
    const trust::Node& other = right.other;
    if (is_disputed(other, rights, before)) continue;
    Peer& need = peers[other.wireguard];
    need.node = other;
    need.owns_relay = relays.emplace(other.relay, other.identity).first->second == other.identity;
    need.allowed.insert(Prefix::host(role == Role::kSite ? right.grantee : right.service.address));
  }
  return peers;
}

Permits permits_of(const Rights& rights, Role role, const PeerSet& before) {
  Permits out;
  out.peers = peers_of(rights, role, before);
  for (const auto& [id, right] : rights) {
    out.flows.insert(right.permit());
    out.unclaimed = out.unclaimed || (role == Role::kDevice && right.waits_for_claim());
  }
  return out;
}

}  // namespace culvert::agent
