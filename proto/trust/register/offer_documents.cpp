// Roots, the vendor's directory and list of addresses, policies and fresh notes, as they arrive.
#include "proto/trust/register/register_state.hpp"

namespace culvert::trust {

Result<Change> Register::State::offer_root(const note::Note& note) {
  const auto root = Root::parse(note.text);
  if (!root) return fail_with(root.error());
  const auto hash = note::hash(note);
  const auto genesis = root->genesis_hash(hash);
  Change change{ChangeKind::kVendorRoot, hash, {}, {}, {}};
  if (root->kind == RootKind::kVendor) {
    const auto* vendor = roots.vendor_chain();
    if (vendor == nullptr || vendor->pin() != genesis) {
      return unverified("root: of a vendor not known here");
    }
  } else {
    const auto id = to_site_id(genesis);
    const auto found = sites.find(id);
    if (found == sites.end() || !(found->second.pinned || found->second.entry)) {
      return unverified("root: of a site that nobody known here vouches for");
    }
    change.kind = ChangeKind::kSiteRoot;
    change.site = id;
  }
  const auto moved = roots.offer(note, genesis);
  if (!moved) return fail_with(moved.error());
  if (*moved == ChainMove::kNone) change.kind = ChangeKind::kNone;
  if (*moved == ChainMove::kEpoch) revouch(change.site);
  return change;
}

// A name belongs to one site for ever, also across restarts: the first verified binding stays.
Status Register::State::check_site_name(const SiteRef& site) const {
  const auto taken = [&] {
    return fail(ErrorCode::kConflict, "site: " + site.name.str() + " is another site already");
  };
  for (const auto& [known, floor] : roots.site_floors()) {
    if (floor.name == site.name && known != site.id) return taken();
  }
  for (const auto& [known, record] : sites) {
    if (record.entry && record.entry->statement.site.name == site.name && known != site.id) {
      return taken();
    }
  }
  const auto* root = roots.site(site.id);
  if (root != nullptr && root->name != site.name) {
    return fail(ErrorCode::kConflict, "site: its own root has another name");
  }
  return {};
}

Result<Change> Register::State::offer_site(const note::Note& note) {
  auto site = Site::parse(note.text);
  if (!site) return fail_with(site.error());
  const auto hash = note::hash(note);
  const auto id = site->site.id;
  const auto held = sites.find(id);
  if (held != sites.end() && held->second.entry && held->second.entry->note.text == note.text) {
    const auto more = roots.more_lines(held->second.entry->note, note, nullptr);
    if (!more) return fail_with(more.error());
    if (*more) revouch(id);
    return Change{*more ? ChangeKind::kSite : ChangeKind::kNone, hash, id, {}, {}};
  }
  if (auto status = vouch(*site, note); !status) return fail_with(status.error());
  if (auto status = check_site_name(site->site); !status) return fail_with(status.error());
  if (sites.size() >= kMaxSites && held == sites.end()) {
    return fail(ErrorCode::kExhausted, "site: too many sites");
  }
  site_record(id).entry = Held<Site>{std::move(*site), roots.stripped(note, nullptr), true};
  revouch(id);
  return Change{ChangeKind::kSite, hash, id, {}, {}};
}

Result<Change> Register::State::offer_places(const note::Note& note) {
  auto list = Places::parse(note.text);
  if (!list) return fail_with(list.error());
  const auto hash = note::hash(note);
  if (places && places->note.text == note.text) {
    const auto more = roots.more_lines(places->note, note, nullptr);
    if (!more) return fail_with(more.error());
    places->vouched = vouch(places->statement, places->note).has_value();
    return Change{*more ? ChangeKind::kPlaces : ChangeKind::kNone, hash, {}, {}, {}};
  }
  if (auto status = vouch(*list, note); !status) return fail_with(status.error());
  auto& floor = places_floors[list->vendor_id];
  if (auto status = check_serial(list->serial, hash, floor, "places"); !status) {
    return fail_with(status.error());
  }
  floor = {list->serial, hash};
  ++revision;
  places = Held<Places>{std::move(*list), roots.stripped(note, nullptr), true};
  return Change{ChangeKind::kPlaces, hash, {}, {}, {}};
}

Result<Change> Register::State::offer_policy(const note::Note& note) {
  auto policy = Policy::parse(note.text);
  if (!policy) return fail_with(policy.error());
  const auto* known = usable(policy->site);
  if (known == nullptr) return unverified("policy: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  if (site.policy && site.policy->note.text == note.text) {
    const auto more = roots.more_lines(site.policy->note, note, &root_of(site));
    if (!more) return fail_with(more.error());
    if (*more) revouch(site.id);
    return Change{*more ? ChangeKind::kPolicy : ChangeKind::kNone, hash, site.id, {}, {}};
  }
  if (auto status = vouch(site, *policy, note); !status) return fail_with(status.error());
  auto& floor = policy_floors[site.id];
  if (auto status = check_serial(policy->serial, hash, floor, "policy"); !status) {
    return fail_with(status.error());
  }
  if (policy->serial == floor.number + 1 && floor.number != 0 && policy->previous != floor.hash) {
    return fail(ErrorCode::kConflict, "policy: does not follow the one that is known");
  }
  floor = {policy->serial, hash};
  ++revision;
  site.policy = Held<Policy>{std::move(*policy), roots.stripped(note, &root_of(site)), true};
  touched.sites.insert(site.id);
  return Change{ChangeKind::kPolicy, hash, site.id, {}, {}};
}

Result<Change> Register::State::offer_fresh(WallTime now, const note::Note& note) {
  auto fresh = Fresh::parse(note.text);
  if (!fresh) return fail_with(fresh.error());
  const auto* known = usable(fresh->site);
  if (known == nullptr) return unverified("fresh: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  if (auto status = vouch(site, *fresh, note); !status) return fail_with(status.error());
  if (auto status = check_issued(fresh->issued, now, "fresh"); !status) {
    return fail_with(status.error());
  }
  if (site.fresh && site.fresh->vouched && fresh->issued <= site.fresh->statement.issued) {
    if (site.fresh->note.text == note.text) {
      return Change{ChangeKind::kNone, hash, site.id, {}, {}};
    }
    return fail(ErrorCode::kStale, "fresh: older than the one that is known");
  }
  site.fresh = Held<Fresh>{std::move(*fresh), roots.stripped(note, &root_of(site)), true};
  return Change{ChangeKind::kFresh, hash, site.id, {}, {}};
}

}  // namespace culvert::trust
