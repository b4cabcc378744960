// What a person must know about a policy before signing it: errors in its text, line by line, and
// lines that give no access or rest on one person alone. Pure: text in, findings out.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proto/trust/statements/policy.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::cli {

struct Finding {
  std::size_t line = 0;  // from 1; 0: the text as a whole
  std::string text;      // what is wrong, and what to do
  friend bool operator==(const Finding&, const Finding&) = default;
};
std::string format(const Finding& finding);  // "line 12: …"

struct PolicyFindings {
  std::vector<Finding> errors;    // such a policy is not signed
  std::vector<Finding> warnings;  // such a policy is signed, and does less than it seems to
};

// What is known of the site and vendor that the policy is for. A null or empty member is unknown,
// and the check then has no finding that depends on the member.
struct PolicyContext {
  const trust::Root* site = nullptr;
  trust::SiteRef ref;  // of the site, if `site` is set
  const trust::Root* vendor = nullptr;
  const trust::Policy* current = nullptr;  // the policy that this one follows
  std::string current_text;
  std::set<trust::Label> groups;  // groups that the vendor gives to persons
  WallTime now;
};

PolicyFindings check_policy(std::string_view text, const PolicyContext& context);

// A part of check_policy(): errors in lines, each by itself and compared with its neighbours.
std::vector<Finding> line_errors(std::string_view text);
// Parts of check_policy(): the policy compared with the site and the vendor. Lines are numbered as
// in policy.render().
std::vector<Finding> context_errors(const trust::Policy& policy, const PolicyContext& context);
std::vector<Finding> policy_warnings(const trust::Policy& policy, const PolicyContext& context);

// The text with its lines in the order of the fields, and the lines of each field sorted.
std::string sort_policy_lines(std::string_view text);

}  // namespace culvert::cli
