#include <algorithm>

#include "proto/trust/evidence_state.hpp"
#include "proto/trust/sign.hpp"

namespace culvert::trust {
namespace {

tl::unexpected<Error> unverified(std::string why) {
  return fail(ErrorCode::kUnverified, std::move(why));
}

// How an offered serial stands to the highest one seen.
Status check_serial(std::uint64_t serial, const Hash& hash, std::uint64_t floor,
                    const Hash& floor_hash, const char* what) {
  if (serial < floor) {
    return fail(ErrorCode::kStale, std::string(what) + ": serial " + std::to_string(serial) +
                                       " is older than " + std::to_string(floor));
  }
  if (serial == floor && hash != floor_hash) {
    return fail(ErrorCode::kConflict,
                std::string(what) + ": serial " + std::to_string(serial) + " has two texts");
  }
  return {};
}

}  // namespace

Result<Change> Evidence::State::offer(const note::Note& note, Now now) {
  adopt_vendor();
  const auto kind = kind_of(note.text);
  if (!kind) return fail(ErrorCode::kInvalid, "note: unknown type or version");
  switch (*kind) {
    case Kind::kRoot:
      return offer_root(note);
    case Kind::kSite:
      return offer_site(note);
    case Kind::kPolicy:
      return offer_policy(note);
    case Kind::kEnrolment:
      return offer_enrolment(note, clock(now));
    case Kind::kEnrolled:
      return offer_enrolled(note, clock(now));
    case Kind::kNode:
      return offer_node(note, clock(now));
    case Kind::kService:
      return offer_service(note, clock(now));
    case Kind::kGrant:
      return offer_grant(note, now);
    case Kind::kRevocation:
      return offer_revocation(note, clock(now));
    case Kind::kLease:
    case Kind::kTicket:
      return fail(ErrorCode::kInvalid, "note: leases and tickets are checked where they are used");
  }
  return fail(ErrorCode::kInternal, "note: unknown kind");
}

Result<Change> Evidence::State::offer_root(const note::Note& note) {
  const auto root = Root::parse(note.text);
  if (!root) return fail_with(root.error());
  const auto hash = note::hash(note);
  const auto genesis = root->genesis_hash(hash);
  Change change{ChangeKind::kVendorRoot, hash, {}, {}, {}};
  RootChain* chain = nullptr;
  if (root->kind == RootKind::kVendor) {
    if (!vendor || vendor->pin() != genesis) return unverified("root: of a vendor not known here");
    chain = &*vendor;
  } else {
    const auto id = to_site_id(genesis);
    const auto found = sites.find(id);
    const bool wanted = pins.site_root == genesis ||
                        (found != sites.end() && (found->second.pinned || found->second.entry));
    if (!wanted) return unverified("root: of a site that nobody known here vouches for");
    chain = &site_record(id).chain;
    change.kind = ChangeKind::kSiteRoot;
    change.site = id;
  }
  const auto before = chain->floor();
  const auto moved = chain->offer(note);
  if (chain->floor() != before) ++revision;
  if (change.site) {
    if (chain->current() != nullptr) floors.sites[*change.site].name = chain->current()->name;
    const auto floor = floors.sites.find(*change.site);
    if (floor != floors.sites.end()) floor->second.root = chain->floor();
  } else if (chain->floor().epoch != 0) {
    floors.vendors[to_vendor_id(genesis)] = chain->floor();
  }
  if (!moved) return fail_with(moved.error());
  if (!*moved) return Change{ChangeKind::kNone, hash, change.site, {}, {}};
  std::erase_if(floors.suspended, [&](const auto& entry) {
    return root->lists(entry.first) && entry.second < root->epoch;
  });
  adopt_vendor();
  revouch(change.site);
  return change;
}

Result<Change> Evidence::State::offer_site(const note::Note& note) {
  auto site = Site::parse(note.text);
  if (!site) return fail_with(site.error());
  if (auto status = vouch(*site, note); !status) return fail_with(status.error());
  const auto hash = note::hash(note);
  const auto id = site->site.id;
  // One name is one site for ever, also across restarts: the first binding that was verified
  // stands.
  for (const auto& [known, floor] : floors.sites) {
    if (floor.name == site->site.name && known != id) {
      return fail(ErrorCode::kConflict, "site: " + floor.name.str() + " is another site already");
    }
  }
  for (const auto& [known, record] : sites) {
    if (record.entry && record.entry->statement.site.name == site->site.name && known != id) {
      return fail(ErrorCode::kConflict,
                  "site: " + site->site.name.str() + " is another site already");
    }
  }
  if (sites.size() >= kMaxSites && sites.count(id) == 0) {
    return fail(ErrorCode::kExhausted, "site: too many sites");
  }
  auto& record = site_record(id);
  if (record.entry && record.entry->note.text == note.text && record.entry->vouched) {
    return Change{ChangeKind::kNone, hash, id, {}, {}};
  }
  const auto* root = record.chain.current();
  if (root != nullptr && root->name != site->site.name) {
    return fail(ErrorCode::kConflict, "site: its own root has another name");
  }
  record.entry = Held<Site>{std::move(*site), note, true};
  revouch(id);
  return Change{ChangeKind::kSite, hash, id, {}, {}};
}

Result<Change> Evidence::State::offer_policy(const note::Note& note) {
  auto policy = Policy::parse(note.text);
  if (!policy) return fail_with(policy.error());
  const auto* known = usable(policy->site);
  if (known == nullptr) return unverified("policy: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  auto& floor = floors.sites[site.id];
  if (site.policy && site.policy->vouched && site.policy->note.text == note.text) {
    return Change{ChangeKind::kNone, hash, site.id, {}, {}};
  }
  if (auto status = vouch(site, *policy, note); !status) return fail_with(status.error());
  if (auto status = check_serial(policy->serial, hash, floor.policy_serial, floor.policy, "policy");
      !status) {
    return fail_with(status.error());
  }
  if (policy->serial == floor.policy_serial + 1 && floor.policy_serial != 0 &&
      policy->previous != floor.policy) {
    return fail(ErrorCode::kConflict, "policy: does not follow the one that is known");
  }
  floor.policy_serial = policy->serial;
  floor.policy = hash;
  ++revision;
  site.policy = Held<Policy>{std::move(*policy), note, true};
  assess_grants(site.id, {});
  return Change{ChangeKind::kPolicy, hash, site.id, {}, {}};
}

}  // namespace culvert::trust
