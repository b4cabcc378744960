#include "proto/trust/statements/groups.hpp"

#include <algorithm>
#include <array>

#include "proto/trust/statements/fields.hpp"

namespace culvert::trust {
namespace {

constexpr std::array<std::string_view, 9> kGroupNames = {
    "root",      "approvers", "enrolment", "break-glass", "device-admission",
    "directory", "lease",     "ticket",    "log"};
constexpr std::string_view kShared = " shared";

}  // namespace

std::string_view group_name(Group group) { return kGroupNames[static_cast<std::size_t>(group)]; }

std::optional<Group> parse_group(std::string_view text) {
  const auto found = std::find(kGroupNames.begin(), kGroupNames.end(), text);
  if (found == kGroupNames.end()) return std::nullopt;
  return static_cast<Group>(found - kGroupNames.begin());
}

bool group_fits(Group group, RootKind kind) {
  switch (group) {
    case Group::kRoot:
    case Group::kApprovers:
    case Group::kLease:
    case Group::kLog:
      return true;
    case Group::kEnrolment:
    case Group::kBreakGlass:
      return kind == RootKind::kSite;
    case Group::kDeviceAdmission:
    case Group::kDirectory:
    case Group::kTicket:
      return kind == RootKind::kVendor;
  }
  return false;
}

std::optional<RootKey> parse_root_key(std::string_view text) {
  const auto words = split_words(text, 3);
  if (words.empty()) return std::nullopt;
  const auto group = parse_group(words[0]);
  const auto person = Person::parse(words[1]);
  const auto key = crypto::parse_public_key(words[2]);
  if (!group || !person || !key) return std::nullopt;
  const bool passkey_fits = group == Group::kRoot || group == Group::kApprovers;
  if (key->passkey() != nullptr && !passkey_fits) return std::nullopt;
  return RootKey{*group, *person, *key};
}

std::string format_root_key(const RootKey& key) {
  return std::string(group_name(key.group)) + " " + key.person.str() + " " +
         crypto::format_public_key(key.key);
}

std::optional<Domain> parse_domain(std::string_view text) {
  const bool shared = text.ends_with(kShared);
  if (shared) text.remove_suffix(kShared.size());
  const auto name = Fqdn::parse(text);
  if (!name) return std::nullopt;
  return Domain{*name, shared};
}

std::string format_domain(const Domain& domain) {
  return domain.name.str() + (domain.shared ? std::string(kShared) : std::string());
}

Domain domain_of(const Person& person) {
  return {Fqdn::parse(person.domain()).value_or(Fqdn{}), false};
}

}  // namespace culvert::trust
