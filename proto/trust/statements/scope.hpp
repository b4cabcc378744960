// What a grant lets its holder do at a service: one word and, for protocols that have them, keys
// with values.
//
//   <word>( <key>=<value>(,<value>)*)*        keys strictly sorted, values of a key strictly sorted
//
// Word and keys are labels (a-z 0-9 -). A value is 1 to 100 of A-Z a-z 0-9 - . _ : / @ + or, in a
// policy alone, the single list `*`. At most 200 bytes in all. Examples: `connect`,
// `kubernetes ns=kube-system,monitoring verbs=get,list,watch`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

constexpr std::string_view kScopeConnect = "connect";
constexpr std::size_t kMaxScope = 200;

struct ScopeList {
  Label key;
  std::vector<std::string> values;  // sorted; {"*"} alone: any value (never in a grant)

  bool any() const { return values.size() == 1 && values.front() == "*"; }
  friend bool operator==(const ScopeList&, const ScopeList&) = default;
};

struct Scope {
  Label word;
  std::vector<ScopeList> lists;  // sorted by key

  static std::optional<Scope> parse(std::string_view text);
  bool open() const;  // a list is `*`: allowed in a policy, not in a grant
};

bool valid_policy_scope(std::string_view text);
bool valid_grant_scope(std::string_view text);  // a scope without `*`

// Whether a grant with the scope `wanted` fits a policy line with the scope `allowed`: the same
// word, the same set of keys, and each value of `wanted` is in the line's list or that list is `*`.
// False where either scope does not parse.
bool scope_fits(std::string_view wanted, std::string_view allowed);

}  // namespace culvert::trust
