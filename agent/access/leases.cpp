#include "agent/access/leases.hpp"

#include <algorithm>

namespace culvert::agent {

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
    site->second.set_wanted(now.steady, std::move(wanted->second));
    ++site;
  }
}

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

Status Leases::take(Now now, const note::Note& note, trust::Evidence& evidence) {
  const auto lease = evidence.verify_lease(note);
  if (!lease) return fail_with(lease.error());
  if (auto taken = accept(now, *lease); !taken) return taken;
  if (lease->by_vendor) evidence.heed(lease->lease, trust::RootKind::kVendor);
  if (lease->by_customer) evidence.heed(lease->lease, trust::RootKind::kSite);
  return {};
}

// One lease may have the signatures of both sides. Each side's tracker accepts its own nonces
// alone.
Status Leases::accept(Now now, const trust::VerifiedLease& verified) {
  Status last = fail(ErrorCode::kStale, "no lease by that side is wanted for that site");
  const auto offer = [&](trust::RootKind by) {
    const auto tracker = trackers(by).find(verified.lease.site.id);
    if (tracker == trackers(by).end()) return;
    if (auto taken = tracker->second.accept(now.steady, verified.lease); taken || !last) {
      last = std::move(taken);
    }
  };
  if (verified.by_vendor) offer(trust::RootKind::kVendor);
  if (verified.by_customer) offer(trust::RootKind::kSite);
  return last;
}

bool Leases::covers(Now now, const trust::GrantId& grant, const trust::SiteId& site,
                    trust::LeaseBy said) const {
  for (const auto by : {trust::RootKind::kVendor, trust::RootKind::kSite}) {
    if (!needs(by, said)) continue;
    const auto tracker = trackers(by).find(site);
    if (tracker == trackers(by).end() || !tracker->second.covers(now.steady, grant)) return false;
  }
  return true;
}

bool Leases::covers(Now now, const trust::LiveGrant& live) const {
  return !live.needs_lease || covers(now, live.grant.id, live.grant.site.id, live.lease_by);
}

bool Leases::fresh(Now now) const {
  return std::all_of(wanted_.begin(), wanted_.end(), [&](const auto& wanted) {
    return covers(now, wanted.first, wanted.second.site, wanted.second.by);
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

}  // namespace culvert::agent
