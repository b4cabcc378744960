// Who has approved what, and when it is in force.
#include <algorithm>

#include "proto/crypto/hash.hpp"
#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

constexpr std::chrono::seconds kPruneEvery{60};

std::uint32_t missing(const Approval& approval) {
  return approval.vendor_missing() + approval.customer_missing();
}

bool lists_approver(const Root& root, const Person& person) {
  return std::any_of(root.keys.begin(), root.keys.end(), [&](const RootKey& key) {
    return key.group == Group::kApprovers && key.person == person;
  });
}

bool fits(const Allow& allow, const Grant& grant, const Node& device) {
  return allow.service == grant.service && allow.scope == grant.scope &&
         device.in_group(allow.group) && grant.not_after - grant.not_before <= allow.max;
}

// Of the policy's lines that fit the grant, the one that is nearest to complete.
Approval nearest(const Approval& base, const Policy& policy, const Root& root, const Grant& grant,
                 const Node& device) {
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

GrantId standing_id(const SiteId& site, const Standing& line) {
  const auto digest = crypto::sha256(
      {view("culvert standing v1\n"), site.view(), line.identity.view(), view(line.service.str())});
  GrantId out;
  std::copy_n(digest.bytes.begin(), out.bytes.size(), out.bytes.begin());
  return out;
}

}  // namespace

Approval Evidence::State::assess(const Grant& grant, const note::Note& note) const {
  Approval out;
  const auto* site = usable(grant.site);
  const auto* rules = site == nullptr ? nullptr : policy(*site);
  const auto device = nodes.find(grant.device);
  if (rules == nullptr) {
    out.why = "the site or its policy is not (or no longer) vouched for";
  } else if (rules->service(grant.service) == nullptr) {
    out.why = "the site's policy lists no such service";
  } else if (grant.recording) {
    out.why = "it requires recording, which this version cannot do";
  } else if (device == nodes.end() || !device->second.vouched ||
             device->second.statement.kind != NodeKind::kDevice ||
             device->second.statement.person != grant.requester) {
    out.why = "its device is not (or no longer) admitted for the requester";
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
  // One person, one side: whom the customer lists never counts as the vendor's.
  std::erase_if(out.vendor, [&](const Person& person) { return lists_approver(root, person); });
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
  return running && time + kStartSkew >= record.grant.not_before && time < record.grant.not_after &&
         (pins.observer || record.claimed || time < record.grant.claim_by);
}

// What keeps a grant from beginning; one that has begun goes on.
std::string Evidence::State::start_barred(const GrantRecord& record, Now now) const {
  const auto& site = sites.at(record.grant.site.id);
  if (clock_went_back(now)) return "the clock went back; correct it or reset it";
  if (vendor->forked() || site.chain.forked()) return "a root has two texts for one epoch";
  if (clock(now) >= vendor_root()->expires) return "the vendor's root has expired";
  if (clock(now) >= site.chain.current()->expires) return "the site's root has expired";
  return {};
}

std::string Evidence::State::held_back(const GrantRecord& record, Now now) const {
  const auto& grant = record.grant;
  if (floors.locked) return "locked here";
  if (floors.tombstones.count(grant.id) != 0) return "over";
  if (!record.approval.why.empty()) return record.approval.why;
  if (!record.approval.complete()) return "approvals are missing";
  if (!in_window(record, now)) return "not in its time";
  if (node(grant.device, clock(now)) == nullptr) return "the device statement is not in force";
  if (revoked(grant.device, grant.site.id)) return "the device is revoked at this site";
  if (!record.steady_end) return start_barred(record, now);
  return {};
}

void Evidence::State::end(const GrantId& id, WallTime not_after, EndCause cause) {
  floors.tombstones[id] = {not_after + kTombstoneKeep, cause};
  ++revision;
}

void Evidence::State::advance(Now now) {
  floors.wall_high = clock(now);
  for (auto& [id, record] : grants) {
    if (floors.tombstones.count(id) != 0) continue;
    const auto& grant = record.grant;
    const bool over =
        clock(now) >= grant.not_after || (record.steady_end && now.steady >= *record.steady_end);
    if (over) {
      end(id, grant.not_after, EndCause::kExpired);
    } else if (!pins.observer && !record.claimed && clock(now) >= grant.claim_by) {
      end(id, grant.not_after, EndCause::kUnclaimed);
    } else if (!record.steady_end && held_back(record, now).empty()) {
      record.steady_end = now.steady + (grant.not_after - clock(now));
    }
  }
  if (clock(now) >= pruned + kPruneEvery) prune(clock(now));
}

void Evidence::State::prune(WallTime now) {
  pruned = now;
  const auto count = floors.tombstones.size() + floors.claims.size() + floors.nodes.size();
  std::erase_if(grants, [&](const auto& entry) {
    const auto ended = floors.tombstones.find(entry.first);
    return ended != floors.tombstones.end() && ended->second.until <= now;
  });
  std::erase_if(floors.tombstones, [&](const auto& entry) { return entry.second.until <= now; });
  std::erase_if(floors.claims, [&](const auto& entry) { return entry.second <= now; });
  prune_nodes(now);
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
  return clock(now) + kMaxAhead + kMaxGrantTime;
}

// Standing access needs no grant and no approval; its id is derived so that it can be denied by
// name.
std::vector<LiveGrant> Evidence::State::standing(const SiteRecord& site, Now now) const {
  std::vector<LiveGrant> out;
  const auto* rules = policy(site);
  if (rules == nullptr || floors.locked) return out;
  for (const auto& line : rules->standings) {
    const auto* device = node(line.identity, clock(now));
    if (device == nullptr || clock(now) >= line.until || revoked(line.identity, site.id)) continue;
    LiveGrant live;
    live.grant.site = rules->site;
    live.grant.id = standing_id(site.id, line);
    if (floors.tombstones.count(live.grant.id) != 0) continue;
    live.grant.requester = device->person;
    live.grant.device = line.identity;
    live.grant.service = line.service;
    live.grant.scope = std::string(kScopeConnect);
    live.grant.reason = "standing access";
    live.grant.not_before = rules->issued;
    live.grant.not_after = line.until;
    live.grant.claim_by = line.until;
    live.grant.policy = note::hash(site.policy->note);
    live.device = *device;
    live.service = *rules->service(line.service);
    live.publishers = publishers(live.service, site, clock(now));
    live.standing = true;
    live.needs_lease = line.lease_required;
    live.lease = rules->lease;
    live.ends = line.until;
    out.push_back(std::move(live));
  }
  return out;
}

}  // namespace culvert::trust
