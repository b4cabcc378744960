#include "proto/trust/grants/standing_access.hpp"

namespace culvert::trust {

void StandingAccess::advance(Now now, const Register& who) {
  const auto clock = who.clock().clock(now);
  std::map<GrantId, Instant> next;
  who.each_policy([&](const SiteId& site, const Policy& rules) {
    for (const auto& line : rules.standings) {
      const auto id = standing_id(site, line);
      const auto known = ends_.find(id);
      next[id] = known != ends_.end() ? known->second : now.steady + (line.until - clock);
    }
  });
  ends_ = std::move(next);
}

std::vector<LiveGrant> StandingAccess::live(Now now, const Register& who,
                                            const EndedGrants& ended) const {
  std::vector<LiveGrant> out;
  if (who.clock().went_back(now)) return out;
  const auto clock = who.clock().clock(now);
  who.each_policy([&](const SiteId& site, const Policy& rules) {
    for (const auto& line : rules.standings) {
      const auto* device = who.node(now, line.identity);
      if (device == nullptr || clock >= line.until || who.device_ended(line.identity, site)) {
        continue;
      }
      LiveGrant live;
      live.grant.site = rules.site;
      live.grant.id = standing_id(site, line);
      if (ended.contains(live.grant.id)) continue;
      const auto ends = ends_.find(live.grant.id);
      if (ends == ends_.end() || now.steady >= ends->second) continue;
      const auto& service = *rules.service(line.service);
      if (!known_protocol(service.protocol)) continue;
      if (who.site_root(site)->customers_person(device->person)) continue;
      live.grant.requester = device->person;
      live.grant.device = line.identity;
      live.grant.service = line.service;
      live.grant.scope = line.scope;
      live.grant.reason = "standing access";
      live.grant.not_before = rules.issued;
      live.grant.not_after = line.until;
      live.grant.claim_by = line.until;
      live.grant.policy = who.documents(site).policy.hash;
      live.device = *device;
      live.service = service;
      live.publishers = who.publishers(now, site, live.service);
      live.standing = true;
      live.needs_lease = line.lease_required;
      live.lease = rules.lease;
      live.lease_by = rules.lease_by;
      live.ends = line.until;
      live.ends_steady = ends->second;
      out.push_back(std::move(live));
    }
  });
  return out;
}

void StandingAccess::add_ends(Earliest& earliest, const Register& who) const {
  who.each_policy([&](const SiteId&, const Policy& rules) {
    for (const auto& line : rules.standings) earliest.at(line.until);
  });
  for (const auto& [id, ends] : ends_) earliest.at(ends);
}

std::optional<WallTime> StandingAccess::end_of(const GrantId& id, const Register& who) {
  std::optional<WallTime> out;
  who.each_policy([&](const SiteId& site, const Policy& rules) {
    for (const auto& line : rules.standings) {
      if (standing_id(site, line) == id) out = line.until;
    }
  });
  return out;
}

}  // namespace culvert::trust
