// Answers of the grants about access: values, which the caller may keep.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/core/time.hpp"
#include "proto/trust/register/publisher.hpp"
#include "proto/trust/statements/grant.hpp"
#include "proto/trust/statements/policy.hpp"

namespace culvert::trust {

enum class RequestPhase {
  kPending,    // approvals are missing
  kApproved,   // complete, not used yet
  kActive,     // complete and used
  kCompleted,  // used, and its time is over
  kExpired,    // never used, and its time (or claim-by) is over
  kRevoked,
  kDenied,     // an approver ended the request before it was complete
  kWithdrawn,  // the requester ended the request before it was complete
  kInvalid,    // not valid under the current root, policy or device statement; see obstacle
};
std::string_view phase_name(RequestPhase phase);

struct RequestState {
  RequestPhase phase = RequestPhase::kInvalid;
  std::vector<Person> vendor;    // who has approved on the vendor's side
  std::vector<Person> customer;  // who has approved on the customer's side
  std::uint32_t vendor_missing = 0;
  std::uint32_t customer_missing = 0;
  std::optional<WallTime> ends;  // end of a known grant: from its claim, or the latest end
  bool pre_approved = false;
  std::optional<Error> obstacle;  // why the request is invalid, or complete and yet not in force
};

// A grant (or a line of standing access) that is in force now.
struct LiveGrant {
  Grant grant;  // standing: made up from the policy's line, with an id derived from the line
  Node device;  // the device whose flows are allowed
  PolicyService service;
  std::vector<Publisher> publishers;  // those in force and allowed; may be empty
  bool standing = false;
  bool needs_lease = true;
  bool claimed = false;            // whether the grant has been used
  std::chrono::seconds lease{30};  // how long a lease covers, by the site's policy
  LeaseBy lease_by = LeaseBy::kVendor;
  bool pre_approved = false;               // opens by a line of the policy, without an approver
  WallTime ends;                           // of an unclaimed grant: the latest end
  Instant ends_steady = Instant::never();  // the earlier of both ends counts
};

}  // namespace culvert::trust
