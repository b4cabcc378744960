// The content of a root: the groups, their keys, and the domains of their persons.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proto/crypto/public_key.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

enum class RootKind { kSite, kVendor };

enum class Group {  // in the order in which keys stand in a root
  kRoot,
  kApprovers,
  kEnrolment,        // site
  kBreakGlass,       // site
  kDeviceAdmission,  // vendor
  kDirectory,        // vendor
  kLease,
  kTicket,  // vendor
  kLog,
};
std::string_view group_name(Group group);
std::optional<Group> parse_group(std::string_view text);
bool group_fits(Group group, RootKind kind);

// Only the groups root and approvers may have passkeys.
struct RootKey {
  Group group = Group::kRoot;
  Person person;
  crypto::PublicKey key;
  friend auto operator<=>(const RootKey&, const RootKey&) = default;
};
std::optional<RootKey> parse_root_key(std::string_view text);  // <group> <person> <key>
std::string format_root_key(const RootKey& key);

// A domain of this root's persons. `shared`: persons of other parties have addresses there as well.
struct Domain {
  Fqdn name;
  bool shared = false;
  friend auto operator<=>(const Domain&, const Domain&) = default;
};
std::optional<Domain> parse_domain(std::string_view text);  // <fqdn>[ shared]
std::string format_domain(const Domain& domain);
Domain domain_of(const Person& person);  // the domain of the person's address, not shared

}  // namespace culvert::trust
