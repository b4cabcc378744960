#include "agent/cli/day_two/policy_check.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "proto/note/note.hpp"
#include "proto/trust/register/limits.hpp"
#include "proto/trust/statements/service.hpp"

namespace culvert::cli {
namespace {

using trust::Group;
using trust::Policy;

std::size_t persons_in(const trust::Root& root, Group group) {
  std::set<trust::Person> out;
  for (const auto& key : root.keys) {
    if (key.group == group) out.insert(key.person);
  }
  return out.size();
}

bool has_key(const trust::Root& root, Group group) { return persons_in(root, group) != 0; }

// Collects findings. A finding about a line gets the line's number in the policy's text.
class Notes {
 public:
  explicit Notes(const Policy& policy) {
    std::size_t number = 0;
    const auto text = policy.render();
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      numbers_.emplace(text.substr(at, end - at), ++number);
      at = end + 1;
    }
  }
  template <class Line>
  void add(std::string_view field, const Line& line, const std::string& what) {
    add_line(std::string(field) + ": " + trust::format(line), std::string(field) + ": " + what);
  }
  void add_line(const std::string& line, std::string what) {
    const auto found = numbers_.find(line);
    out_.push_back({found == numbers_.end() ? 0 : found->second, std::move(what)});
  }
  void add(std::string what) { out_.push_back({0, std::move(what)}); }
  std::vector<Finding> take() {
    std::stable_sort(out_.begin(), out_.end(),
                     [](const Finding& a, const Finding& b) { return a.line < b.line; });
    return std::move(out_);
  }

 private:
  std::map<std::string, std::size_t> numbers_;
  std::vector<Finding> out_;
};

// --- errors ---

void check_succession(const Policy& policy, const PolicyContext& context, Notes& out) {
  if (context.site != nullptr && policy.site != context.ref) {
    out.add_line("site: " + policy.site.name.str(),
                 "site: this policy is of another site than " + context.ref.name.str());
  }
  if (context.current != nullptr) {
    const auto next = context.current->serial + 1;
    const auto hash = note::hash(context.current_text);
    if (policy.serial != next) {
      out.add_line(
          "serial: " + std::to_string(policy.serial),
          "serial: must be " + std::to_string(next) + ", as the policy in force has " +
              std::to_string(context.current->serial) +
              (policy.serial > next
                   ? "; is this folder behind? next: culvert take, with a newer site.bundle"
                   : "; next: culvert policy edit --new"));
    } else if (policy.previous != hash) {
      out.add_line(
          "previous: " + (policy.previous ? trust::format_hash(policy.previous->view()) : "none"),
          "previous: must be " + trust::format_hash(hash.view()) + ", the policy in force");
    }
  }
  if (policy.issued > context.now + trust::kIssuedSkew) {
    out.add_line("issued: " + format_time(policy.issued),
                 "issued: lies in the future; agents refuse it; next: check this machine's clock");
  }
  if (policy.expires <= context.now) {
    out.add_line("expires: " + format_time(policy.expires),
                 "expires: is over already; next: culvert policy edit --new, which sets new dates");
  }
}

// Scopes that would lead from a granted service to the agent itself or to every secret of the
// cluster. No policy may name them, in this and all later versions.
constexpr std::array<std::string_view, 17> kForbiddenResources = {
    "clusterrolebindings",
    "clusterroles",
    "customresourcedefinitions",
    "mutatingwebhookconfigurations",
    "nodes/proxy",
    "rolebindings",
    "roles",
    "serviceaccounts/token",
    "tokenreviews",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "validatingwebhookconfigurations",
    "certificatesigningrequests",
    "certificatesigningrequests/approval",
    "apiservices",
    "subjectaccessreviews",
    "selfsubjectaccessreviews"};
constexpr std::array<std::string_view, 3> kForbiddenVerbs = {"bind", "escalate", "impersonate"};
constexpr std::string_view kAgentNamespace = "culvert";

template <std::size_t Size>
const std::string* forbidden(const trust::ScopeList& list,
                             const std::array<std::string_view, Size>& words) {
  for (const auto& value : list.values) {
    if (std::find(words.begin(), words.end(), value) != words.end()) return &value;
  }
  return nullptr;
}

template <class Line>
void check_scope(const Policy& policy, std::string_view field, const Line& line, Notes& out) {
  const auto* service = policy.service(line.service);
  const auto scope = trust::Scope::parse(line.scope);
  if (service == nullptr || !scope || service->protocol.str() != "kubernetes") return;
  for (const auto& list : scope->lists) {
    const auto key = list.key.str();
    const std::string* bad = nullptr;
    if (key == "resources") bad = forbidden(list, kForbiddenResources);
    if (key == "verbs") bad = forbidden(list, kForbiddenVerbs);
    if (key == "ns") bad = forbidden(list, std::array<std::string_view, 1>{kAgentNamespace});
    if (bad == nullptr) continue;
    out.add(field, line,
            "the scope names " + key + "=" + *bad +
                ", which no grant may have: such access leads to the agent or past every rule");
  }
}

}  // namespace

std::vector<Finding> context_errors(const Policy& policy, const PolicyContext& context) {
  Notes out(policy);
  if (context.current_text != policy.render()) check_succession(policy, context, out);
  if (context.site != nullptr && policy.lease_by != trust::LeaseBy::kVendor &&
      !has_key(*context.site, Group::kLease)) {
    const bool both = policy.lease_by == trust::LeaseBy::kBoth;
    out.add_line(
        "lease: " + std::to_string(policy.lease.count()) + "s by=" + (both ? "both" : "customer"),
        "lease: the site's root lists no lease key, so nothing could ever be opened; next: "
        "culvert site root add-key --group lease, or by=vendor");
  }
  for (const auto& line : policy.allows) check_scope(policy, "allow", line, out);
  for (const auto& line : policy.pre_approvals) check_scope(policy, "pre-approved", line, out);
  for (const auto& line : policy.standings) check_scope(policy, "standing", line, out);
  return out.take();
}

// --- warnings ---

namespace {

void warn_of_services(const Policy& policy, Notes& out) {
  std::set<trust::Fqdn> named;
  for (const auto& line : policy.allows) named.insert(line.service);
  for (const auto& line : policy.pre_approvals) named.insert(line.service);
  for (const auto& line : policy.standings) named.insert(line.service);
  std::map<trust::Label, std::size_t> tagged;
  for (const auto& service : policy.services) {
    ++tagged[service.tag];
    if (!trust::known_protocol(service.protocol)) {
      out.add("service", service,
              "the protocol " + service.protocol.str() +
                  " is not carried yet; the service opens nothing before an upgrade");
    }
    if (named.count(service.name) == 0) {
      out.add("service", service,
              "no allow, pre-approved or standing line names it: nobody can ask");
    }
  }
  for (const auto& [tag, count] : tagged) {
    if (count <= trust::kMaxServices) continue;
    out.add("the tag " + tag.str() + " stands at " + std::to_string(count) +
            " services and one agent publishes at most " + std::to_string(trust::kMaxServices) +
            ": divide the services among several tags, and give each agent some of them");
  }
}

// A scope that no grant for a service of this protocol can have.
template <class Line>
void warn_of_scope(const Policy& policy, std::string_view field, const Line& line, Notes& out) {
  const auto* service = policy.service(line.service);
  if (service == nullptr || !trust::known_protocol(service->protocol)) return;
  if (line.scope == trust::kScopeConnect) return;
  out.add(field, line,
          "never matches: a " + service->protocol.str() + " service has the scope connect alone");
}

void warn_of_group(std::string_view field, const trust::Label& group, const auto& line,
                   const PolicyContext& context, Notes& out) {
  if (context.groups.empty() || context.groups.count(group) != 0) return;
  out.add(field, line,
          "never matches: nobody is in the group " + group.str() + ", according to --group");
}

std::string too_many(std::string_view side, std::uint32_t wanted, std::size_t have) {
  return "never matches: it needs " + std::to_string(wanted) + " approvers of the " +
         std::string(side) + ", whose root lists " + std::to_string(have);
}

void warn_of_allow(const Policy& policy, const trust::Allow& line, const PolicyContext& context,
                   Notes& out) {
  warn_of_scope(policy, "allow", line, out);
  warn_of_group("allow", line.group, line, context, out);
  if (context.site != nullptr) {
    const auto have = persons_in(*context.site, Group::kApprovers);
    if (line.customer > have) out.add("allow", line, too_many("customer", line.customer, have));
  }
  if (context.vendor != nullptr) {
    const auto have = persons_in(*context.vendor, Group::kApprovers);
    if (line.vendor > have) out.add("allow", line, too_many("vendor", line.vendor, have));
  }
  for (const auto& other : policy.allows) {
    const bool wider = other.service == line.service && other.group == line.group &&
                       other.scope == line.scope && other.max >= line.max &&
                       other.vendor <= line.vendor && other.customer <= line.customer;
    if (!wider || other == line) continue;
    out.add("allow", line, "has no effect: " + trust::format(other) + " lets more through");
    break;
  }
}

void warn_of_pre_approved(const Policy& policy, const trust::PreApproved& line,
                          const PolicyContext& context, Notes& out) {
  warn_of_scope(policy, "pre-approved", line, out);
  warn_of_group("pre-approved", line.group, line, context, out);
  if (line.until <= context.now) out.add("pre-approved", line, "is over; take the line away");
  if (context.site != nullptr && !context.site->pre_approvals) {
    out.add("pre-approved", line,
            "opens nothing: the site's root says pre-approvals: no; next: culvert site root "
            "pre-approvals yes");
  }
}

void warn_of_approvers(const PolicyContext& context, Notes& out) {
  const auto warn = [&](const trust::Root* root, const std::string& side, const char* command) {
    if (root == nullptr || persons_in(*root, Group::kApprovers) != 1) return;
    out.add("one person alone approves for the " + side +
            ": a lost key or a holiday ends all new "
            "access; next: " +
            command + " root add-key --group approvers");
  };
  warn(context.site, "customer", "culvert site");
  warn(context.vendor, "vendor", "the vendor runs culvert vendor");
}

// Warns of expired documents: the policy in force, and the roots that it rests on.
void warn_of_expiry(const Policy& policy, const PolicyContext& context, Notes& out) {
  if (policy.expires <= context.now) {
    out.add_line("expires: " + format_time(policy.expires),
                 "expires: this policy has expired; next: culvert policy renew --key FILE "
                 "--publish");
  }
  const auto warn = [&](const trust::Root* root, const std::string& side, const char* command) {
    if (root == nullptr || root->expires > context.now) return;
    out.add("the root of the " + side + " has expired at " + format_time(root->expires) +
            "; next: " + command + " root renew --key FILE --publish");
  };
  warn(context.site, "site", "culvert site");
  warn(context.vendor, "vendor", "the vendor runs culvert vendor");
}

}  // namespace

std::vector<Finding> policy_warnings(const Policy& policy, const PolicyContext& context) {
  Notes out(policy);
  constexpr std::chrono::hours kSoon{30 * 24};
  warn_of_approvers(context, out);
  if (policy.services.empty()) out.add("the policy lists no service, so it gives no access");
  if (policy.expires > context.now && policy.expires < context.now + kSoon) {
    out.add_line("expires: " + format_time(policy.expires),
                 "expires: in less than 30 days; next: culvert policy renew");
  }
  warn_of_expiry(policy, context, out);
  if (context.site != nullptr && policy.fresh && !has_key(*context.site, Group::kLease)) {
    out.add(
        "fresh: the site's root lists no lease key: its approvers must sign a fresh note every " +
        std::to_string(policy.fresh->count()) + " h, or nothing new is opened");
  }
  warn_of_services(policy, out);
  for (const auto& line : policy.allows) warn_of_allow(policy, line, context, out);
  for (const auto& line : policy.pre_approvals) warn_of_pre_approved(policy, line, context, out);
  for (const auto& line : policy.standings) {
    warn_of_scope(policy, "standing", line, out);
    if (line.until <= context.now) out.add("standing", line, "is over; take the line away");
  }
  for (const auto& line : policy.exports) {
    out.add("export", line, "exports are not carried yet; the line opens nothing");
  }
  return out.take();
}

PolicyFindings check_policy(std::string_view text, const PolicyContext& context) {
  PolicyFindings out{line_errors(text), {}};
  if (!out.errors.empty()) return out;
  const auto policy = Policy::parse(text);  // parses, as line_errors() found nothing
  if (!policy) return out;
  out.errors = context_errors(*policy, context);
  out.warnings = policy_warnings(*policy, context);
  return out;
}

}  // namespace culvert::cli
