#include "proto/trust/grants/approval.hpp"

#include <algorithm>

namespace culvert::trust {
namespace {

std::uint32_t missing(const Approval& approval) {
  return approval.vendor_missing() + approval.customer_missing();
}

bool lists_approver(const Root& root, const Person& person) {
  return std::any_of(root.keys.begin(), root.keys.end(), [&](const RootKey& key) {
    return key.group == Group::kApprovers && key.person == person;
  });
}

// Whether an `allow` or `pre-approved` line fits the grant.
template <class Line>
bool fits(const Line& line, const Grant& grant, const Node& device) {
  return line.service == grant.service && device.in_group(line.group) &&
         grant.duration <= line.max && scope_fits(grant.scope, line.scope);
}

// A pre-approved line opens a grant only until the line's own end, even if the claim comes late.
bool pre_approves(const PreApproved& line, const Grant& grant, const Node& device) {
  return fits(line, grant, device) && grant.not_after <= line.until;
}

// The approval under the policy's line that fits the grant and needs the fewest further signatures.
// `base` holds the signers.
Approval nearest(const Approval& base, const Policy& policy, const Root& root, const Grant& grant,
                 const Node& device) {
  Approval out = base;
  if (grant.claim_by - grant.not_before > policy.claim_time()) {
    out.refusal = Error{ErrorCode::kDenied, "the policy lets a grant wait " +
                                                format_duration(policy.claim_time()) +
                                                " for its first use, not longer"};
    return out;
  }
  const auto& lines = policy.pre_approvals;
  if (root.pre_approvals && std::any_of(lines.begin(), lines.end(), [&](const PreApproved& line) {
        return pre_approves(line, grant, device);
      })) {
    out.pre_approved = true;
    return out;
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
  out.refusal =
      Error{ErrorCode::kDenied,
            "the policy lets nobody of the requester's groups ask for this, or not for so long"};
  return out;
}

// An error: the documents do not allow the grant, no matter who has signed it.
Status borne(const Root* root, const Policy* rules, const Node* device, const Grant& grant) {
  const auto denied = [](std::string why) { return fail(ErrorCode::kDenied, std::move(why)); };
  if (root == nullptr || rules == nullptr) {
    return denied("the site or its policy is not (or no longer) vouched for");
  }
  const auto* service = rules->service(grant.service);
  if (service == nullptr) return denied("the site's policy lists no such service");
  if (!known_protocol(service->protocol)) {
    return denied("the service's protocol '" + service->protocol.str() +
                  "' is not carried yet; upgrade, or list the service as tls or tcp");
  }
  if (grant.recording) return denied("it requires recording, which this version cannot do");
  if (device == nullptr || device->kind != NodeKind::kDevice || device->person != grant.requester) {
    return denied("its device is not (or no longer) admitted for the requester");
  }
  if (root->customers_person(grant.requester)) {
    return denied(
        "the requester has a domain of the customer, so no vendor speaks for that person");
  }
  return {};
}

}  // namespace

Approval assess(const Register& who, const Grant& grant, const note::Note& note) {
  Approval out;
  const auto* root = who.site_root(grant.site);
  const auto* rules = root == nullptr ? nullptr : who.policy(grant.site.id);
  const auto* device = who.admitted(grant.device);
  if (auto status = borne(root, rules, device, grant); !status) {
    out.refusal = status.error();
    return out;
  }
  const note::KnownKey own{"device", grant.device};
  const auto by =
      who.roots().one_sided_signers(note, *root, std::span<const note::KnownKey>(&own, 1));
  if (!by) {
    out.refusal = Error{ErrorCode::kDenied, by.error().message};
    return out;
  }
  const auto& vendor = *who.roots().vendor();  // a site is vouched for only under a vendor's root
  out.customer = persons(*root, Group::kApprovers, *by, grant.requester);
  out.vendor = persons(vendor, Group::kApprovers, *by, grant.requester);
  // A person counts on one side only: a person whom the customer lists, or whose domain is the
  // customer's, never counts for the vendor.
  std::erase_if(out.vendor, [&](const Person& person) {
    return lists_approver(*root, person) || root->customers_person(person);
  });
  return nearest(out, *rules, *root, grant, *device);
}

}  // namespace culvert::trust
