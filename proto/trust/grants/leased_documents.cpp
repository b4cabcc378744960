#include "proto/trust/grants/leased_documents.hpp"

namespace culvert::trust {
namespace {

// Compares a document that the note `by` names with the document that is held here. kDenied: the
// held document is older or has another text.
Status compare(std::string_view by, std::string_view what, const DocumentMark& named,
               const DocumentMark& held) {
  if (!named.differs_from(held)) return {};
  const bool newer = named.number > held.number;
  return fail(ErrorCode::kDenied,
              std::string(by) + " names " + std::string(what) + " " + std::to_string(named.number) +
                  (newer ? ", which has not arrived here: no new grants until it does"
                         : " with another text than is held here: no new grants until that is "
                           "settled"));
}

Status compare_lease(const KnownDocuments& named, const KnownDocuments& held) {
  auto status = compare("the lease", "vendor root", named.vendor_root, held.vendor_root);
  if (status) status = compare("the lease", "site root", named.site_root, held.site_root);
  if (status) status = compare("the lease", "policy", named.policy, held.policy);
  return status;
}

}  // namespace

Result<VerifiedLease> verify_lease(const Register& who, const note::Note& note) {
  auto lease = Lease::parse(note.text);
  if (!lease) return fail_with(lease.error());
  const auto* root = who.site_root(lease->site);
  if (root == nullptr || lease->vendor_id != who.roots().vendor_id()) {
    return fail(ErrorCode::kUnverified, "lease: of a site or vendor not known here");
  }
  const auto by = who.roots().one_sided_signers(note, *root);
  if (!by) return fail_with(by.error());
  const bool vendor = !persons(*who.roots().vendor(), Group::kLease, *by).empty();
  const bool customer = !persons(*root, Group::kLease, *by).empty();
  if (!vendor && !customer) {
    return fail(ErrorCode::kUnverified, "lease: no lease key signed it");
  }
  return VerifiedLease{std::move(*lease), vendor, customer};
}

void LeasedDocuments::heed(const Lease& verified, RootKind by) {
  named_[{verified.site.id, by}] = verified.documents;
}

Status LeasedDocuments::check(Now now, const Register& who, const SiteId& site) const {
  const auto* rules = who.policy(site);
  if (rules == nullptr) return fail(ErrorCode::kDenied, "the site's policy is not known here");
  const auto held = who.documents(site);
  for (const auto by : {RootKind::kVendor, RootKind::kSite}) {
    const auto lease = named_.find({site, by});
    if (lease == named_.end()) continue;
    if (auto status = compare_lease(lease->second, held); !status) return status;
  }
  if (!rules->fresh) return {};
  const auto* fresh = who.fresh(site);
  if (fresh == nullptr || who.clock().clock(now) >= fresh->issued + *rules->fresh) {
    return fail(ErrorCode::kDenied, "the policy wants a fresh note at most " +
                                        std::to_string(rules->fresh->count()) +
                                        " h old, and none is known here; next: culvert site fresh");
  }
  auto status = compare("the fresh note", "site root", fresh->site_root, held.site_root);
  if (status) status = compare("the fresh note", "policy", fresh->policy, held.policy);
  return status;
}

}  // namespace culvert::trust
