// A root: which keys speak for a site (the customer's) or for the vendor, and how many must agree.
//
//   culvert/root/v1                                culvert/root/v1
//   kind: site                                     kind: vendor
//   site: <fqdn>                                   vendor: <fqdn>
//   site-id: self | sha256:…                       vendor-id: self | sha256:…
//   epoch: <n>                                     epoch: <n>
//   previous: none | sha256:…                      previous: none | sha256:…
//   issued: <time>                                 issued: <time>
//   expires: <time>                                expires: <time>
//   vendor-id: sha256:…                            coordinator: <url> x25519:…      0 to 8
//   vendor-approvals: <n>                          threshold: root <n>
//   policy-by: root | approvers                    key: <group> <person> ed25519:…  1 to 64
//   threshold: root <n>
//   threshold: approvers <n>
//   key: <group> <person> ed25519:…   1 to 64
//
// `self` and `none` at epoch 1 and only there. Keys stand in the order of the groups below, within
// a group by person, then key. A key stands once, the root group aside. Every threshold is at most
// the number of persons in its group. Signed by the root threshold of the previous epoch and of its
// own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/names.hpp"

namespace culvert::trust {

enum class RootKind { kSite, kVendor };

enum class Group {  // in the order in which keys stand in a root
  kRoot,
  kApprovers,
  kEnrolment,        // site
  kBreakGlass,       // site
  kDeviceAdmission,  // vendor
  kDirectory,        // vendor
  kLease,            // vendor
  kTicket,           // vendor
  kLog,
};
std::string_view group_name(Group group);

struct RootKey {
  Group group = Group::kRoot;
  Person person;
  crypto::VerifyKey key;
  friend auto operator<=>(const RootKey&, const RootKey&) = default;
};

struct CoordinatorEntry {
  std::string url;  // https://host[:port] or http://host[:port], as connected to
  crypto::ControlKey key;
  friend bool operator==(const CoordinatorEntry&, const CoordinatorEntry&) = default;
};

constexpr std::size_t kMaxRootKeys = 64;
constexpr std::size_t kMaxCoordinators = 8;

struct Root {
  static constexpr std::string_view kType = "culvert/root/v1";

  RootKind kind = RootKind::kSite;
  Fqdn name;                    // of the site, or the vendor's
  std::optional<Hash> genesis;  // hash of epoch 1; nothing at epoch 1 itself
  std::uint64_t epoch = 1;
  std::optional<Hash> previous;  // nothing at epoch 1
  WallTime issued;
  WallTime expires;
  VendorId vendor_id;                  // site: the vendor that it deals with
  std::uint32_t vendor_approvals = 0;  // site: least number of vendor approvers of any grant
  Group policy_by = Group::kRoot;      // site: kRoot or kApprovers, at its threshold
  std::vector<CoordinatorEntry> coordinators;  // vendor
  std::uint32_t root_threshold = 1;
  std::uint32_t approver_threshold = 1;  // site: approvers that every grant needs
  std::vector<RootKey> keys;

  static Result<Root> parse(std::string_view text);
  std::string render() const;
  Hash genesis_hash(const Hash& own_hash) const { return genesis ? *genesis : own_hash; }

  const RootKey* find(const crypto::VerifyKey& key, Group group) const;  // null: not in that group
  bool lists(const crypto::VerifyKey& key) const;                        // in any group
  std::vector<note::KnownKey> known_keys() const;                        // of every group
  std::vector<note::KnownKey> known_keys(Group group) const;
};

// Distinct persons of `group` among the verified signers; `except` (the requester) never counts.
std::vector<Person> persons(const Root& root, Group group, std::span<const note::KnownKey> signers,
                            const Person& except = {});

// The first root of a chain: epoch 1, whose own hash is `pin`, signed by its own root threshold.
Result<Root> verify_genesis(const note::Note& note, const Hash& pin);
// The step from `current` to `next`: epoch + 1, previous hash, same kind, name and genesis, and the
// root threshold of both. Expiry plays no part in the walk.
Result<Root> verify_step(const Root& current, const Hash& current_hash, const note::Note& next);
// Keys that stand in both roots, the root groups aside: they count for nothing in either.
std::vector<crypto::VerifyKey> doubled_keys(const Root& site, const Root& vendor);

bool valid_url(std::string_view url);

}  // namespace culvert::trust
