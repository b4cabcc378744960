// What ends at a party, and when to warn people: 90, 30, 7 and 1 days before the end. These
// functions end nothing. While break-glass does not exist, an expired policy only causes a warning.
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
  std::string of;  // the name of the vendor, the site or the node
  WallTime from;   // when the thing was issued
  WallTime when;   // its end
  friend bool operator==(const Expiry&, const Expiry&) = default;
};

// The ends of the vendor root and, for each site in `sites`, of the site's root and policy.
std::vector<Expiry> expiries(const Register& who, const std::vector<SiteId>& sites);

// The warning that is due: 90, 30, 7 or 1 (at most that many days are left), 0 after the end;
// nothing: no warning is due. A threshold counts only where it is at most half of the whole life,
// so that no warning is due on the first day. A life of less than two days has one warning (1), in
// the last quarter.
std::optional<int> due_warning(const Expiry& expiry, WallTime now);

std::string describe(const Expiry& expiry, WallTime now);  // one line: what, when, the next step

}  // namespace culvert::trust
