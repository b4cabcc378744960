// Who has approved what, and when it is in force.
#include <algorithm>

#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

constexpr std::uint64_t kPruneEvery = 60;  // seconds of the store's age

std::uint32_t missing(const Approval& approval) {
  return approval.vendor_missing() + approval.customer_missing();
}

bool lists_approver(const Root& root, const Person& person) {
  return std::any_of(root.keys.begin(), root.keys.end(), [&](const RootKey& key) {
    return key.group == Group::kApprovers && key.person == person;
  });
}

// For `allow` and `pre-approved` lines.
template <class Line>
bool fits(const Line& line, const Grant& grant, const Node& device) {
  return line.service == grant.service && device.in_group(line.group) &&
         grant.duration <= line.max && scope_fits(grant.scope, line.scope);
}

// A pre-approved line opens until its own end, also where the grant's claim comes late.
bool pre_approves(const PreApproved& line, const Grant& grant, const Node& device) {
  return fits(line, grant, device) && grant.not_after <= line.until;
}

// Of the policy's lines that fit the grant, the one that is nearest to complete.
Approval nearest(const Approval& base, const Policy& policy, const Root& root, const Grant& grant,
                 const Node& device) {
  if (grant.claim_by - grant.not_before > policy.claim_time()) {
    Approval late = base;
    late.why = "the policy lets a grant wait " + format_duration(policy.claim_time()) +
               " for its first use, not longer";
    return late;
  }
  const auto& lines = policy.pre_approvals;
  if (root.pre_approvals && std::any_of(lines.begin(), lines.end(), [&](const PreApproved& line) {
        return pre_approves(line, grant, device);
      })) {
    Approval open = base;
    open.pre_approved = true;
    return open;
  }
  std::optional<Approval> best;
  for (const auto& allow : policy.allows) {
    if (!fits(allow, grant, device)) continue;
    Approval candidate = base;
    candidate.vendor_needed = std::max(allow.vendor, root.vendor_approvals);
    candidate.customer_needed =
        allow.customer == 0 ? 0 : std::max(allow.customer, root.approver_threshold);
    if (!best || missing(candidate) < missing(*best)) best = std::move(candidate);
  }
  if (best) return *best;
  Approval none = base;
  none.why = "the policy lets nobody of the requester's groups ask for this, or not for so long";
  return none;
}

}  // namespace

Approval Evidence::State::assess(const Grant& grant, const note::Note& note) const {
  Approval out;
  const auto* site = usable(grant.site);
  const auto* rules = site == nullptr ? nullptr : policy(*site);
  const auto* service = rules == nullptr ? nullptr : rules->service(grant.service);
  const auto device = nodes.find(grant.device);
  if (rules == nullptr) {
    out.why = "the site or its policy is not (or no longer) vouched for";
  } else if (service == nullptr) {
    out.why = "the site's policy lists no such service";
  } else if (!known_protocol(service->protocol)) {
    out.why = "the service's protocol '" + service->protocol.str() +
              "' is not carried yet; upgrade, or list the service as tls or tcp";
  } else if (grant.recording) {
    out.why = "it requires recording, which this version cannot do";
  } else if (device == nodes.end() || !device->second.vouched ||
             device->second.statement.kind != NodeKind::kDevice ||
             device->second.statement.person != grant.requester) {
    out.why = "its device is not (or no longer) admitted for the requester";
  } else if (site->chain.current()->customers_person(grant.requester)) {
    out.why = "the requester has a domain of the customer, so no vendor speaks for that person";
  }
  if (!out.why.empty()) return out;
  const auto& root = *site->chain.current();  // NOLINT: where there are rules there is a site
  const note::KnownKey own{"device", grant.device};
  auto by = signers(note, site, std::span<const note::KnownKey>(&own, 1));
  if (!by) {
    out.why = by.error().message;
    return out;
  }
  const auto doubled = doubled_keys(root, *vendor_root());
  std::erase_if(*by, [&](const note::KnownKey& signer) {
    return std::find(doubled.begin(), doubled.end(), signer.key) != doubled.end();
  });
  out.customer = persons(root, Group::kApprovers, *by, grant.requester);
  out.vendor = persons(*vendor_root(), Group::kApprovers, *by, grant.requester);
  // One person, one side: whom the customer lists, or whose domain is the customer's, never counts
  // as the vendor's.
  std::erase_if(out.vendor, [&](const Person& person) {
    return lists_approver(root, person) || root.customers_person(person);
  });
  return nearest(out, *rules, root, grant, device->second.statement);
}

void Evidence::State::assess_grants(const std::optional<SiteId>& site,
                                    const std::optional<IdentityKey>& device) {
  for (auto& [id, record] : grants) {
    if (site && record.grant.site.id != *site) continue;
    if (device && record.grant.device != *device) continue;
    record.approval = assess(record.grant, record.note);
  }
}

bool Evidence::State::in_window(const GrantRecord& record, Now now) const {
  const auto time = clock(now);
  const bool running = !record.steady_end || now.steady < *record.steady_end;
  return running && time + kStartSkew >= record.grant.not_before && time < record.ends() &&
         (pins.observer || record.claimed() || time < record.grant.claim_by);
}

// What keeps a grant from beginning; one that has begun goes on.
std::string Evidence::State::start_barred(const GrantRecord& record, Now now) const {
  const auto& site = sites.at(record.grant.site.id);
  if (clock_went_back(now)) return "the clock went back; correct it or reset it";
  if (vendor->forked() || site.chain.forked()) return "a root has two texts for one epoch";
  if (clock(now) >= vendor_root()->expires) return "the vendor's root has expired";
  if (clock(now) >= site.chain.current()->expires) return "the site's root has expired";
  const auto* rules = policy(site);
  const auto* device = node(record.grant.device, clock(now));
  if (rules != nullptr && rules->device_age && device != nullptr &&
      clock(now) >= device->issued + *rules->device_age) {
    return "the device statement is older than " + std::to_string(rules->device_age->count()) +
           " h, the most that the policy allows; next: culvert device renew";
  }
  return documents_barred(site, now);
}

std::string Evidence::State::held_back(const GrantRecord& record, Now now) const {
  const auto& grant = record.grant;
  if (floors.locked) return "locked here";
  if (floors.tombstones.count(grant.id) != 0) return "over";
  if (!record.approval.why.empty()) return record.approval.why;
  if (!record.approval.complete()) return "approvals are missing";
  if (!in_window(record, now)) return "not in its time";
  if (node(grant.device, clock(now)) == nullptr) return "the device statement is not in force";
  if (device_revoked(grant.device, grant.site.id)) return "the device is revoked at this site";
  if (!record.steady_end) return start_barred(record, now);
  return {};
}

void Evidence::State::end(const GrantId& id, WallTime not_after, EndCause cause, Now now) {
  const auto held = grants.find(id);
  Tombstone ended{not_after, store_clock.forget_at(not_after, now, kTombstoneKeep), cause, {}};
  if (held != grants.end()) {
    const auto& grant = held->second.grant;
    ended.device = grant.device;
    shares.running_of_device.remove(grant.device);
    shares.running_at_site.remove(grant.site.id);
    shares.ended_of_device.add(grant.device);
  }
  floors.tombstones.emplace(id, ended);  // a grant ends once
  ++revision;
}

void Evidence::State::advance(Now now) {
  store_clock.advance(now);
  floors.clock = store_clock.stored();
  time_standings(now);
  for (auto& [id, record] : grants) {
    if (floors.tombstones.count(id) != 0) continue;
    const auto& grant = record.grant;
    const bool over =
        clock(now) >= record.ends() || (record.steady_end && now.steady >= *record.steady_end);
    if (over) {
      end(id, grant.not_after, EndCause::kExpired, now);
    } else if (!pins.observer && !record.claimed() && clock(now) >= grant.claim_by) {
      end(id, grant.not_after, EndCause::kUnclaimed, now);
    } else if (!record.steady_end && held_back(record, now).empty()) {
      record.steady_end = now.steady + (record.ends() - clock(now));
    }
  }
  if (floors.clock.age.seconds >= pruned.seconds + kPruneEvery) {
    prune(now);
    prune_revocations();
  }
}

// What must be remembered goes at its age. A full table also drops what the wall clock calls long
// over.
void Evidence::State::prune(Now time) {
  const auto age = floors.clock.age;
  const auto now = clock(time);
  pruned = age;
  const bool full = shares.ended_of_device.total() >= kMaxTombstones;
  const auto count = floors.tombstones.size() + floors.claims.size() + floors.nodes.size();
  const auto forgotten = [&](const Tombstone& ended) {
    return ended.forget <= age || (full && ended.until + kLongOver <= now);
  };
  std::erase_if(grants, [&](const auto& entry) {
    const auto ended = floors.tombstones.find(entry.first);
    return ended != floors.tombstones.end() && forgotten(ended->second);
  });
  std::erase_if(floors.tombstones, [&](const auto& entry) {
    const auto& device = entry.second.device;
    const bool gone = forgotten(entry.second);
    if (gone && !device.is_zero()) shares.ended_of_device.remove(device);
    return gone;
  });
  std::erase_if(floors.claims, [&](const auto& entry) { return entry.second.forget <= age; });
  prune_nodes();
  if (floors.tombstones.size() + floors.claims.size() + floors.nodes.size() != count) ++revision;
}

// A denial lasts as long as what it denies could.
WallTime Evidence::State::end_of(const GrantId& id, Now now) const {
  if (const auto held = grants.find(id); held != grants.end()) return held->second.grant.not_after;
  for (const auto& [site_id, site] : sites) {
    const auto* rules = policy(site);
    if (rules == nullptr) continue;
    for (const auto& line : rules->standings) {
      if (standing_id(site_id, line) == id) return line.until;
    }
  }
  return clock(now) + kMaxAhead + kMaxClaim + kMaxGrantTime;
}

// A standing line also ends at a moment of CLOCK_BOOTTIME, set when the line is first seen, so that
// a wall clock that goes back prolongs nothing.
void Evidence::State::time_standings(Now now) {
  std::map<GrantId, Instant> next;
  for (const auto& [id, site] : sites) {
    const auto* rules = usable(id) == nullptr ? nullptr : policy(site);
    if (rules == nullptr) continue;
    for (const auto& line : rules->standings) {
      const auto key = standing_id(id, line);
      const auto known = standing_ends.find(key);
      next[key] =
          known != standing_ends.end() ? known->second : now.steady + (line.until - clock(now));
    }
  }
  standing_ends = std::move(next);
}

// Standing access needs no grant and no approval; its id is derived so that it can be denied by
// name.
std::vector<LiveGrant> Evidence::State::standing(const SiteRecord& site, Now now) const {
  std::vector<LiveGrant> out;
  const auto* rules = policy(site);
  if (rules == nullptr || floors.locked || clock_went_back(now)) return out;
  for (const auto& line : rules->standings) {
    const auto* device = node(line.identity, clock(now));
    if (device == nullptr || clock(now) >= line.until || device_revoked(line.identity, site.id))
      continue;
    LiveGrant live;
    live.grant.site = rules->site;
    live.grant.id = standing_id(site.id, line);
    if (floors.tombstones.count(live.grant.id) != 0) continue;
    const auto ends = standing_ends.find(live.grant.id);
    if (ends == standing_ends.end() || now.steady >= ends->second) continue;
    const auto& service = *rules->service(line.service);
    if (!known_protocol(service.protocol)) continue;
    if (site.chain.current()->customers_person(device->person)) continue;
    live.grant.requester = device->person;
    live.grant.device = line.identity;
    live.grant.service = line.service;
    live.grant.scope = line.scope;
    live.grant.reason = "standing access";
    live.grant.not_before = rules->issued;
    live.grant.not_after = line.until;
    live.grant.claim_by = line.until;
    live.grant.policy = floors.sites.at(site.id).policy;
    live.device = *device;
    live.service = service;
    live.publishers = publishers(live.service, site, clock(now));
    live.standing = true;
    live.needs_lease = line.lease_required;
    live.lease = rules->lease;
    live.lease_by = rules->lease_by;
    live.ends = line.until;
    live.ends_steady = ends->second;
    out.push_back(std::move(live));
  }
  return out;
}

}  // namespace culvert::trust
