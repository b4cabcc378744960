// A root: the keys that speak for a site (the customer's) or for the vendor, and how many must
// sign.
//
//   culvert/root/v1                                culvert/root/v1
//   kind: site                                     kind: vendor
//   site: <fqdn>                                   vendor: <fqdn>
//   site-id: self | sha256:…                       vendor-id: self | sha256:…
//   epoch: <n>                                     epoch: <n>
//   previous: none | sha256:…                      previous: none | sha256:…
//   issued: <time>                                 issued: <time>
//   expires: <time>                                expires: <time>
//   domain: <fqdn>[ shared]           1 to 16      domain: <fqdn>[ shared]           1 to 16
//   vendor-id: sha256:…                            device-life: <1 to 720>h
//   vendor-approvals: <n>                          threshold: root <n>
//   policy-by: root | approvers                    key: <group> <person> ed25519:…   1 to 64
//   pre-approvals: yes | no
//   threshold: root <n>
//   threshold: approvers <n>
//   key: <group> <person> ed25519:…   1 to 64      (root and approvers: or passkey:<66 hex>)
//
// `self` and `none` stand at epoch 1 and nowhere else. Domains are sorted and listed once. Each
// person of the groups root and approvers has an address in one of the domains. Keys are sorted by
// group (in the order of groups.hpp), then by person, then by key. A key is in one group only,
// except that a key of the root group may also be in another group. Every threshold is at most the
// number of persons in its group. Signed by the root threshold of the previous epoch and of this
// epoch (step.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/groups.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxRootKeys = 64;
constexpr std::size_t kMaxDomains = 16;
constexpr std::chrono::hours kMaxDeviceLifeOfRoot{720};

struct Root {
  static constexpr std::string_view kType = "culvert/root/v1";

  RootKind kind = RootKind::kSite;
  Fqdn name;                    // of the site or of the vendor
  std::optional<Hash> genesis;  // hash of epoch 1; nothing at epoch 1 itself
  std::uint64_t epoch = 1;
  std::optional<Hash> previous;  // nothing at epoch 1
  WallTime issued;
  WallTime expires;
  std::vector<Domain> domains;
  VendorId vendor_id;                  // site: the vendor that serves the site
  std::uint32_t vendor_approvals = 0;  // site: how many vendor approvers every grant needs at least
  Group policy_by = Group::kRoot;      // site: kRoot or kApprovers, at the group's threshold
  bool pre_approvals = false;          // site: whether the policy's pre-approved lines count
  std::chrono::hours device_life{24};  // vendor: the longest life of a device statement
  std::uint32_t root_threshold = 1;
  std::uint32_t approver_threshold = 1;  // site: how many approvers every grant needs
  std::vector<RootKey> keys;

  static Result<Root> parse(std::string_view text);
  std::string render() const;
  Hash genesis_hash(const Hash& own_hash) const { return genesis ? *genesis : own_hash; }

  const RootKey* find(const crypto::PublicKey& key, Group group) const;  // null: not in that group
  bool lists(const crypto::PublicKey& key) const;                        // in any group
  // Whether the person has an address in a domain that a site root lists without `shared`. Such a
  // person belongs to the customer: at that site the person never counts as requester, owner of a
  // device, or vendor approver.
  bool customers_person(const Person& person) const;
  std::vector<note::KnownKey> known_keys() const;  // of every group
  std::vector<note::KnownKey> known_keys(Group group) const;
};

// Distinct persons of `group` among the verified signers; `except` (the requester) never counts.
std::vector<Person> persons(const Root& root, Group group, std::span<const note::KnownKey> signers,
                            const Person& except = {});

// The keys that both roots list outside of the root groups. Such a key counts in neither root.
std::vector<crypto::PublicKey> doubled_keys(const Root& site, const Root& vendor);

}  // namespace culvert::trust
