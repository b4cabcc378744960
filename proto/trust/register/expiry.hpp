// What a party has that ends, and when to warn somebody: 90, 30, 7 and 1 days before the end.
// Pure: nothing here ends anything. While break-glass does not exist, a policy that is over only
// warns.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/time.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

class Register;

enum class Ending { kVendorRoot, kSiteRoot, kPolicy, kRenewal, kAdmission };
std::string_view ending_name(Ending what);  // vendor-root, site-root, policy, renewal, admission

struct Expiry {
  Ending what = Ending::kVendorRoot;
  std::string of;  // the vendor, the site or the node, by name
  WallTime from;   // when it was issued
  WallTime when;   // its end
  friend bool operator==(const Expiry&, const Expiry&) = default;
};

// The vendor root, and of each site in `sites` its root and its policy.
std::vector<Expiry> expiries(const Register& who, const std::vector<SiteId>& sites);

// The threshold that has passed: 90, 30, 7 or 1 (days, rounded up: what is left is at most that),
// 0 where the end itself has passed; nothing: no warning is due. A threshold counts only where it
// is at most half of the whole life, so that nothing is warned of from its first day; what lives
// shorter than two days is warned of in its last quarter (as 1).
std::optional<int> due_warning(const Expiry& expiry, WallTime now);

std::string describe(const Expiry& expiry, WallTime now);  // one line: what, when, the next step

}  // namespace culvert::trust
