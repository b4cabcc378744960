// Allows a one-time key to enrol nodes with these tags until `not-after`. Signed by an enrolment
// key of the site root. The private half of `key` is in the agent's token.
//
//   culvert/enrolment/v1
//   site: <fqdn>
//   site-id: sha256:…
//   key: ed25519:…
//   nodes: <n>                       1 to 64: how many identities may enrol with this key
//   name: <label>                    of the node; with several nodes: NAME-0, NAME-1, …
//   replaces: ed25519:…              0 or 1, for one node: the identity whose name the node takes
//   tag: <tag>                       1 to 8, sorted
//   root: sha256:…                   the site root at the time: a verifier must know it (floor)
//   policy-serial: <n>               the lowest policy that may be believed
//   not-before: <time>
//   not-after: <time>                at most 24 h later
//   renew-until: <time>              not before not-after, at most 400 d after not-before
//
// The enrolled nodes issue their own statements until renew-until (see enrolled.hpp).
#pragma once

#include <optional>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxTags = 8;
constexpr std::uint32_t kMaxEnrolmentNodes = 64;
constexpr std::chrono::seconds kMaxEnrolment{24 * 3600};
constexpr std::chrono::seconds kMaxRenewal{400 * 24 * 3600};

struct Enrolment {
  static constexpr std::string_view kType = "culvert/enrolment/v1";

  SiteRef site;
  crypto::VerifyKey key;
  std::uint32_t nodes = 1;
  Label name;
  std::optional<IdentityKey> replaces;
  std::vector<Label> tags;
  Hash root;
  std::uint64_t policy_serial = 0;  // 0: no policy yet
  WallTime not_before;
  WallTime not_after;
  WallTime renew_until;

  static Result<Enrolment> parse(std::string_view text);
  std::string render() const;

  // Whether `node` is a name that this enrolment gives: `name` for one node, name-0 to name-(nodes
  // - 1) for several nodes.
  bool names(const Label& node) const;
};

}  // namespace culvert::trust
