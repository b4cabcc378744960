// What Evidence answers: values, valid for as long as the caller keeps them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proto/core/time.hpp"
#include "proto/trust/floors.hpp"
#include "proto/trust/statements/grant.hpp"
#include "proto/trust/statements/node.hpp"
#include "proto/trust/statements/policy.hpp"
#include "proto/trust/statements/service.hpp"

namespace culvert::trust {

// What a party trusts before it has seen any note. Agents and customer approvers pin the site's
// epoch-1 root; laptops, vendor approvers and coordinators the vendor's. With neither, nothing is
// believed.
struct Pins {
  std::optional<Hash> site_root;
  std::optional<Hash> vendor_genesis;
  // Coordinators and approvers do not see a grant being used: claim-by ends nothing for them.
  bool observer = false;
};

enum class ChangeKind {
  kNone,  // already known
  kVendorRoot,
  kSite,
  kSiteRoot,
  kPolicy,
  kFresh,
  kEnrolment,
  kEnrolled,  // an identity of a site
  kNode,
  kService,
  kGrant,  // a new request, or more signatures for a known one
  kRevocation,
  kPlaces,
};

// What an accepted note changed.
struct Change {
  ChangeKind kind = ChangeKind::kNone;
  Hash statement;                       // hash of the note's text
  std::optional<SiteId> site;           // of site statements
  std::optional<GrantId> grant;         // kGrant, kRevocation of one
  std::optional<IdentityKey> identity;  // kNode, kService, kRevocation of a node or device
};

enum class RequestPhase {
  kPending,    // approvals are missing
  kApproved,   // complete; not used yet
  kActive,     // complete and used
  kCompleted,  // used, and its time is over
  kExpired,    // never used, and its time (or claim-by) is over
  kRevoked,
  kDenied,     // an approver ended it before it was complete
  kWithdrawn,  // its requester did
  kInvalid,    // the current root, policy or device statement does not bear it; see why
};
std::string_view phase_name(RequestPhase phase);

struct RequestState {
  RequestPhase phase = RequestPhase::kInvalid;
  std::vector<Person> vendor;  // who has approved, on each side
  std::vector<Person> customer;
  std::uint32_t vendor_missing = 0;
  std::uint32_t customer_missing = 0;
  std::optional<WallTime> ends;  // of a known grant: from its claim, or the latest end
  bool pre_approved = false;
  std::string why;  // kInvalid, and why a complete one is not in force: one line
};

struct Publisher {
  Node node;
  Service service;
};

// A grant (or a line of standing access) that is in force now.
struct LiveGrant {
  Grant grant;  // standing: made up from the policy's line; its id is derived from that line
  Node device;  // whose flows to allow
  PolicyService service;
  std::vector<Publisher> publishers;  // in force and entitled; may be empty
  bool standing = false;
  bool needs_lease = true;
  bool claimed = false;            // has been used
  std::chrono::seconds lease{30};  // how long a lease covers, by the site's policy
  LeaseBy lease_by = LeaseBy::kVendor;
  bool pre_approved = false;               // opens by a line of the policy, without an approver
  WallTime ends;                           // unclaimed: the latest end
  Instant ends_steady = Instant::never();  // ends at the earlier of the two
};

}  // namespace culvert::trust
