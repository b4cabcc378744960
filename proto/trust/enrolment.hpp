// This one-time key may enrol nodes with these tags until it expires. Signed by an enrolment key of
// the site root; the private half of `key` travels in the agent's token.
//
//   culvert/enrolment/v1
//   site: <fqdn>
//   site-id: sha256:…
//   key: ed25519:…
//   tag: <tag>                       1 to 8, sorted
//   root: sha256:…                   the site root at the time: a verifier must know it (floor)
//   policy-serial: <n>               likewise: the lowest policy that may be believed
//   not-before: <time>
//   not-after: <time>                at most 24 h later
#pragma once

#include <vector>

#include "proto/core/result.hpp"
#include "proto/trust/names.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxTags = 8;
constexpr std::chrono::seconds kDefaultEnrolment{3600};
constexpr std::chrono::seconds kMaxEnrolment{24 * 3600};

struct Enrolment {
  static constexpr std::string_view kType = "culvert/enrolment/v1";

  SiteRef site;
  crypto::VerifyKey key;
  std::vector<Label> tags;
  Hash root;
  std::uint64_t policy_serial = 0;  // 0: no policy yet
  WallTime not_before;
  WallTime not_after;

  static Result<Enrolment> parse(std::string_view text);
  std::string render() const;
};

}  // namespace culvert::trust
