// How fresh the documents of a site are: what leases and `fresh` notes name, compared with what is
// held here. A document that is held back by its carrier stops new grants; what runs goes on.
#include "proto/trust/evidence_state.hpp"

namespace culvert::trust {
namespace {

std::string missing(std::string_view by, std::string_view what, const DocumentMark& mark,
                    const DocumentMark& held) {
  const bool newer = mark.number > held.number;
  return std::string(by) + " names " + std::string(what) + " " + std::to_string(mark.number) +
         (newer ? ", which has not arrived here: no new grants until it does"
                : " with another text than is held here: no new grants until that is settled");
}

}  // namespace

Result<Change> Evidence::State::offer_fresh(const note::Note& note, WallTime now) {
  auto fresh = Fresh::parse(note.text);
  if (!fresh) return fail_with(fresh.error());
  const auto* known = usable(fresh->site);
  if (known == nullptr) return fail(ErrorCode::kUnverified, "fresh: its site is not known here");
  auto& site = sites.at(known->id);
  const auto hash = note::hash(note);
  if (auto status = vouch(site, *fresh, note); !status) return fail_with(status.error());
  if (fresh->issued > now + kIssuedSkew) {
    return fail(ErrorCode::kStale, "fresh: issued in the future; check the clocks");
  }
  if (site.fresh && site.fresh->vouched && fresh->issued <= site.fresh->statement.issued) {
    if (site.fresh->note.text == note.text) {
      return Change{ChangeKind::kNone, hash, site.id, {}, {}};
    }
    return fail(ErrorCode::kStale, "fresh: older than the one that is known");
  }
  site.fresh = Held<Fresh>{std::move(*fresh), stripped(note, &site), true};
  return Change{ChangeKind::kFresh, hash, site.id, {}, {}};
}

KnownDocuments Evidence::documents(const SiteId& id) const {
  KnownDocuments out;
  if (state_->vendor && state_->vendor_root() != nullptr) {
    out.vendor_root = {state_->vendor_root()->epoch, state_->vendor->current_hash()};
  }
  const auto* site = state_->usable(id);
  if (site == nullptr) return out;
  out.site_root = {site->chain.current()->epoch, site->chain.current_hash()};
  if (const auto* rules = state_->policy(*site)) {
    out.policy = {rules->serial, state_->floors.sites.at(id).policy};
  }
  return out;
}

void Evidence::heed(const Lease& verified, RootKind by) {
  state_->leased[{verified.site.id, by}] = verified.documents;
}

// Why the documents that are held here may not be the newest; empty: nothing speaks against them.
std::string Evidence::State::documents_barred(const SiteRecord& site, Now now) const {
  const auto* rules = policy(site);
  if (rules == nullptr) return "the site's policy is not known here";
  const DocumentMark vendor_mark{vendor_root()->epoch, vendor->current_hash()};
  const DocumentMark root_mark{site.chain.current()->epoch, site.chain.current_hash()};
  const DocumentMark policy_mark{rules->serial, floors.sites.at(site.id).policy};
  for (const auto by : {RootKind::kVendor, RootKind::kSite}) {
    const auto lease = leased.find({site.id, by});
    if (lease == leased.end()) continue;
    const auto& named = lease->second;
    if (named.vendor_root.differs_from(vendor_mark)) {
      return missing("the lease", "vendor root", named.vendor_root, vendor_mark);
    }
    if (named.site_root.differs_from(root_mark)) {
      return missing("the lease", "site root", named.site_root, root_mark);
    }
    if (named.policy.differs_from(policy_mark)) {
      return missing("the lease", "policy", named.policy, policy_mark);
    }
  }
  if (!rules->fresh) return {};
  if (!site.fresh || !site.fresh->vouched ||
      clock(now) >= site.fresh->statement.issued + *rules->fresh) {
    return "the policy wants a fresh note at most " + std::to_string(rules->fresh->count()) +
           " h old, and none is known here; next: culvert site fresh";
  }
  const auto& fresh = site.fresh->statement;
  if (fresh.site_root.differs_from(root_mark)) {
    return missing("the fresh note", "site root", fresh.site_root, root_mark);
  }
  if (fresh.policy.differs_from(policy_mark)) {
    return missing("the fresh note", "policy", fresh.policy, policy_mark);
  }
  return {};
}

}  // namespace culvert::trust
