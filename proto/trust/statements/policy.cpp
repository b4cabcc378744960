#include "proto/trust/statements/policy.hpp"

#include <algorithm>

#include "proto/crypto/hash.hpp"
#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

constexpr std::uint64_t kMaxClaimHours = 168;
constexpr std::uint64_t kMaxAgeHours = 720;

struct LeaseLine {
  std::chrono::seconds length{0};
  LeaseBy by = LeaseBy::kVendor;
};

std::optional<LeaseLine> parse_lease(std::string_view text) {
  const auto words = split_words(text, 2);
  if (words.empty()) return std::nullopt;
  const auto length = parse_seconds(words[0]);
  if (!length || length->count() == 0 || *length > kMaxLease) return std::nullopt;
  if (words[1] == "by=vendor") return LeaseLine{*length, LeaseBy::kVendor};
  if (words[1] == "by=customer") return LeaseLine{*length, LeaseBy::kCustomer};
  if (words[1] == "by=both") return LeaseLine{*length, LeaseBy::kBoth};
  return std::nullopt;
}

std::string format_lease(const Policy& policy) {
  const std::string length = std::to_string(policy.lease.count()) + "s by=";
  switch (policy.lease_by) {
    case LeaseBy::kVendor:
      return length + "vendor";
    case LeaseBy::kCustomer:
      return length + "customer";
    case LeaseBy::kBoth:
      return length + "both";
  }
  return length;
}

std::optional<std::chrono::hours> hours(FieldReader& in, std::string_view name,
                                        std::uint64_t most) {
  if (!in.next_is(name)) return std::nullopt;
  const auto value = in.field(name, parse_hours);
  in.require(value.count() >= 1 && static_cast<std::uint64_t>(value.count()) <= most, name,
             "is out of range");
  return value;
}

void put_hours(FieldWriter& out, std::string_view name,
               const std::optional<std::chrono::hours>& value) {
  if (value) out.line(name, std::to_string(value->count()) + "h");
}

template <class Line>
void require_listed(FieldReader& in, const Policy& policy, const std::vector<Line>& lines,
                    std::string_view field) {
  for (const auto& line : lines) {
    in.require(policy.service(line.service) != nullptr, field, "names an unlisted service");
  }
}

// Checks that every service belongs to this site and is listed once, and that every rule names a
// listed service.
void check(FieldReader& in, const Policy& policy) {
  for (std::size_t i = 0; i < policy.services.size(); ++i) {
    const auto& name = policy.services[i].name;
    in.require(name.site() == policy.site.name, "service", "is not one label under the site");
    in.require(i == 0 || policy.services[i - 1].name != name, "service", "stands twice");
  }
  require_listed(in, policy, policy.allows, "allow");
  require_listed(in, policy, policy.pre_approvals, "pre-approved");
  require_listed(in, policy, policy.standings, "standing");
  for (std::size_t i = 1; i < policy.exports.size(); ++i) {
    in.require(policy.exports[i - 1].listener != policy.exports[i].listener, "export",
               "uses one listener twice");
  }
}

template <class T>
void sort_all(std::vector<T>& lines) {
  std::sort(lines.begin(), lines.end());
}

}  // namespace

Result<Policy> Policy::parse(std::string_view text) {
  FieldReader in(text, kType, kMaxPolicySize);
  Policy out;
  out.site = in.site();
  out.serial = in.number("serial", 1, UINT64_MAX);
  out.previous = in.hash_or("previous", "none");
  in.require(out.previous.has_value() == (out.serial > 1), "previous", "does not fit the serial");
  out.issued = in.time("issued");
  out.expires = in.time("expires");
  in.require(out.issued < out.expires && out.expires - out.issued <= kMaxPolicyLife, "expires",
             "is more than 400 days after issued, or not after it");
  out.claim = hours(in, "claim", kMaxClaimHours);
  const auto lease = in.field("lease", parse_lease);
  out.lease = lease.length;
  out.lease_by = lease.by;
  out.device_age = hours(in, "device-age", kMaxAgeHours);
  out.fresh = hours(in, "fresh", kMaxAgeHours);
  out.relays = in.sorted("relay", 0, kMaxPolicyRelays, parse_policy_relay);
  out.privates = in.sorted("private", 0, kMaxPrivate, parse_prefix);
  out.services = in.sorted("service", 0, kMaxPolicyServices, parse_policy_service);
  out.allows = in.sorted("allow", 0, kMaxAllows, parse_allow);
  out.pre_approvals = in.sorted("pre-approved", 0, kMaxPreApprovals, parse_pre_approved);
  out.standings = in.sorted("standing", 0, kMaxStandings, parse_standing);
  out.exports = in.sorted("export", 0, kMaxExports, parse_export);
  check(in, out);
  return in.finish(std::move(out));
}

std::string Policy::render() const {
  const auto line = [](const auto& value) { return format(value); };
  FieldWriter out(kType);
  out.site(site).number("serial", serial);
  out.line("previous", previous ? format_hash(previous->view()) : "none");
  out.time("issued", issued).time("expires", expires);
  put_hours(out, "claim", claim);
  out.line("lease", format_lease(*this));
  put_hours(out, "device-age", device_age);
  put_hours(out, "fresh", fresh);
  out.each("relay", relays, line).each("private", privates, line);
  out.each("service", services, line).each("allow", allows, line);
  out.each("pre-approved", pre_approvals, line).each("standing", standings, line);
  out.each("export", exports, line);
  return out.take();
}

void Policy::sort() {
  sort_all(relays);
  sort_all(privates);
  sort_all(services);
  sort_all(allows);
  sort_all(pre_approvals);
  sort_all(standings);
  sort_all(exports);
}

// The services are sorted by name; parse() has checked the order.
const PolicyService* Policy::service(const Fqdn& name) const {
  const auto found =
      std::lower_bound(services.begin(), services.end(), name,
                       [](const PolicyService& s, const Fqdn& wanted) { return s.name < wanted; });
  return found == services.end() || found->name != name ? nullptr : &*found;
}

GrantId standing_id(const SiteId& site, const Standing& line) {
  const auto digest =
      crypto::sha256({view("culvert standing v1\n"), site.view(), line.identity.view(),
                      view(line.service.str() + "\n" + line.scope)});
  GrantId out;
  std::copy_n(digest.bytes.begin(), out.bytes.size(), out.bytes.begin());
  return out;
}

}  // namespace culvert::trust
