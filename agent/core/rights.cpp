#include "agent/core/rights.hpp"

#include <algorithm>
#include <utility>

namespace culvert::agent {
namespace {

bool is_below(const trust::Fqdn& name, const trust::Fqdn& zone) {
  return name.str().ends_with("." + zone.str());
}

}  // namespace

bool Leases::needs(trust::RootKind by, trust::LeaseBy said) const {
  if (role_ == Role::kDevice) said = trust::LeaseBy::kVendor;
  return said == trust::LeaseBy::kBoth ||
         (said == trust::LeaseBy::kVendor) == (by == trust::RootKind::kVendor);
}

void Leases::set_wanted(Now now, const std::vector<trust::LiveGrant>& live) {
  wanted_.clear();
  for (const trust::LiveGrant& one : live) {
    if (!one.needs_lease) continue;
    wanted_.insert_or_assign(one.grant.id,
                             Wanted{one.grant.site.id, one.lease_by, one.grant.device});
  }
  set_wanted(now, trust::RootKind::kVendor, live);
  set_wanted(now, trust::RootKind::kSite, live);
}

void Leases::set_wanted(Now now, trust::RootKind by, const std::vector<trust::LiveGrant>& live) {
  Trackers& sites = trackers(by);
  std::map<trust::SiteId, std::vector<trust::GrantId>> by_site;
  for (const trust::LiveGrant& one : live) {
    if (!one.needs_lease || !needs(by, one.lease_by)) continue;
    const trust::SiteRef& site = one.grant.site;
    auto tracker = sites.find(site.id);
    if (tracker == sites.end()) {
      tracker = sites.emplace(site.id, trust::LeaseTracker(site, agent_, one.lease, rng_)).first;
    }
    tracker->second.set_length(one.lease);
    by_site[site.id].push_back(one.grant.id);
  }
  for (auto site = sites.begin(); site != sites.end();) {
    const auto wanted = by_site.find(site->first);
    if (wanted == by_site.end()) {
      site = sites.erase(site);
      continue;
    }
    site->second.set_wanted(std::move(wanted->second), now.steady);
    ++site;
  }
}

void Leases::ask_now(Now now) { ask_again(now, trust::RootKind::kVendor); }

void Leases::ask_again(Now now, trust::RootKind by) {
  for (auto& [site, tracker] : trackers(by)) tracker.ask_now(now.steady);
}

std::vector<trust::LeaseRequest> Leases::due(Now now, trust::RootKind by, std::size_t most) {
  std::vector<trust::LeaseRequest> requests;
  for (auto& [site, tracker] : trackers(by)) {
    while (requests.size() < most) {
      auto request = tracker.request(now.steady);
      if (!request) break;
      requests.push_back(std::move(*request));
    }
  }
  return requests;
}

bool Leases::begins_round(Now now, trust::RootKind by) const {
  return std::any_of(trackers(by).begin(), trackers(by).end(),
                     [&](const auto& tracker) { return tracker.second.begins_round(now.steady); });
}

const trust::IdentityKey* Leases::device_of(const trust::GrantId& grant) const {
  const auto found = wanted_.find(grant);
  return found == wanted_.end() ? nullptr : &found->second.device;
}

// One lease may bear both sides' signatures: each tracker knows its own nonces alone.
Status Leases::accept(Now now, const trust::VerifiedLease& verified) {
  Status last = fail(ErrorCode::kStale, "no lease by that side is wanted for that site");
  const auto offer = [&](trust::RootKind by) {
    const auto tracker = trackers(by).find(verified.lease.site.id);
    if (tracker == trackers(by).end()) return;
    if (auto taken = tracker->second.accept(verified.lease, now.steady); taken || !last) {
      last = std::move(taken);
    }
  };
  if (verified.by_vendor) offer(trust::RootKind::kVendor);
  if (verified.by_customer) offer(trust::RootKind::kSite);
  return last;
}

bool Leases::covers(const trust::GrantId& grant, const trust::SiteId& site, trust::LeaseBy said,
                    Now now) const {
  for (const auto by : {trust::RootKind::kVendor, trust::RootKind::kSite}) {
    if (!needs(by, said)) continue;
    const auto tracker = trackers(by).find(site);
    if (tracker == trackers(by).end() || !tracker->second.covers(grant, now.steady)) return false;
  }
  return true;
}

bool Leases::covers(const trust::LiveGrant& live, Now now) const {
  return !live.needs_lease || covers(live.grant.id, live.grant.site.id, live.lease_by, now);
}

bool Leases::fresh(Now now) const {
  return std::all_of(wanted_.begin(), wanted_.end(), [&](const auto& wanted) {
    return covers(wanted.first, wanted.second.site, wanted.second.by, now);
  });
}

Instant Leases::next_deadline(Now now) const {
  Instant next = Instant::never();
  for (const auto by : {trust::RootKind::kVendor, trust::RootKind::kSite}) {
    for (const auto& [site, tracker] : trackers(by)) {
      next = std::min(next, tracker.next_deadline(now.steady));
    }
  }
  return next;
}

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
  // Whoever was found silent longest ago, best never; of equals the one so far, or the first.
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
  const auto rank = [](const Right& right) {
    return std::pair(right.live.service.name.str().size(), right.live.ends);
  };
  const Right* best = nullptr;
  for (const auto& [id, right] : rights) {
    if (!covers(right.live.service, name, sites)) continue;
    if (best == nullptr || rank(*best) < rank(right)) best = &right;
  }
  return best;
}

bool is_disputed(const trust::Node& node, const Rights& rights, const Peers& before) {
  if (const auto had = before.find(node.wireguard); had != before.end()) {
    return had->second.node.identity != node.identity;
  }
  const auto first = std::find_if(rights.begin(), rights.end(), [&](const auto& one) {
    return one.second.other.wireguard == node.wireguard;
  });
  return first != rights.end() && first->second.other.identity != node.identity;
}

Peers peers_of(const Rights& rights, Role role, const Peers& before) {
  Peers peers;
  std::map<crypto::RelayKey, trust::IdentityKey> relays;
  for (const auto& [key, had] : before) {
    if (had.owns_relay) relays.emplace(had.node.relay, had.node.identity);
  }
  for (const auto& [id, right] : rights) {
    const trust::Node& other = right.other;
    if (is_disputed(other, rights, before)) continue;
    PeerNeed& need = peers[other.wireguard];
    need.node = other;
    need.owns_relay = relays.emplace(other.relay, other.identity).first->second == other.identity;
    need.allowed.insert(Prefix::host(role == Role::kSite ? right.grantee : right.service.address));
  }
  return peers;
}

}  // namespace culvert::agent
