#include "proto/trust/register/expiry.hpp"

#include "proto/trust/register/register.hpp"

namespace culvert::trust {
namespace {

using std::chrono::seconds;

constexpr seconds kDay{24 * 3600};
constexpr int kThresholds[] = {1, 7, 30, 90};

std::string_view words_of(Ending what) {
  switch (what) {
    case Ending::kVendorRoot:
      return "the vendor's root";
    case Ending::kSiteRoot:
      return "the site's root";
    case Ending::kPolicy:
      return "the site's policy";
    case Ending::kRenewal:
      return "the time for which this agent renews itself";
    case Ending::kAdmission:
      return "the admission of this laptop";
  }
  return "something";
}

std::string_view next_step(Ending what) {
  switch (what) {
    case Ending::kVendorRoot:
      return "the vendor runs: culvert vendor root renew --key FILE --publish, with a root key";
    case Ending::kSiteRoot:
      return "the customer runs: culvert site root renew --key FILE --publish, with a root key";
    case Ending::kPolicy:
      return "the customer runs: culvert policy renew --key FILE --publish, with a key of the "
             "group "
             "that signs policies";
    case Ending::kRenewal:
      return "the customer makes a token, culvert site token --name NAME, and the agent is started "
             "with it: culvert up --token-file FILE";
    case Ending::kAdmission:
      return "the vendor runs: culvert device renew";
  }
  return "";
}

}  // namespace

std::string_view ending_name(Ending what) {
  switch (what) {
    case Ending::kVendorRoot:
      return "vendor-root";
    case Ending::kSiteRoot:
      return "site-root";
    case Ending::kPolicy:
      return "policy";
    case Ending::kRenewal:
      return "renewal";
    case Ending::kAdmission:
      return "admission";
  }
  return "unknown";
}

std::vector<Expiry> expiries(const Register& who, const std::vector<SiteId>& sites) {
  std::vector<Expiry> out;
  if (const auto* root = who.roots().vendor()) {
    out.push_back({Ending::kVendorRoot, root->name.str(), root->issued, root->expires});
  }
  for (const auto& id : sites) {
    if (const auto* root = who.site_root(id)) {
      out.push_back({Ending::kSiteRoot, root->name.str(), root->issued, root->expires});
    }
    if (const auto* policy = who.policy(id)) {
      out.push_back({Ending::kPolicy, policy->site.name.str(), policy->issued, policy->expires});
    }
  }
  return out;
}

std::optional<int> due_warning(const Expiry& expiry, WallTime now) {
  const auto left = expiry.when - now;
  if (left <= seconds(0)) return 0;
  const auto life = expiry.when - expiry.from;
  if (life < 2 * kDay) return left <= life / 4 ? std::optional(1) : std::nullopt;
  for (const int days : kThresholds) {
    if (left <= days * kDay && days * kDay <= life / 2) return days;
  }
  return std::nullopt;
}

std::string describe(const Expiry& expiry, WallTime now) {
  const bool over = expiry.when <= now;
  return std::string(words_of(expiry.what)) + " (" + expiry.of + ") " +
         (over ? "has expired at " : "ends at ") + format_time(expiry.when) +
         "; next: " + std::string(next_step(expiry.what));
}

}  // namespace culvert::trust
