// The question of an agent to the customer's own lease server (`culvert site lease serve`): the
// body of one HTTP POST. The question is not signed: the answer is of use only to the agent that is
// waiting for this nonce.
//
//   culvert/lease-question/v1
//   site: <fqdn>
//   site-id: sha256:…
//   agent: ed25519:…                 identity key of the node that asks
//   nonce: <64 hex digits>
//   revocations: <n> sha256:…        the mark of the revocations that the agent knows, see
//                                    RevocationLog
//   grant: <ULID> ed25519:…          0 to 256, sorted: a grant, and the device that uses it
//
// The answer (lease_answer.hpp) is a bundle, in this order: the revocations that the agent does not
// know, the lease, the revocations of grants in the question. The lease is included only when all
// revocations before the lease fit into the answer; until then the agent asks again with its new
// mark.
#pragma once

#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/lease.hpp"

namespace culvert::trust {

inline constexpr std::string_view kLeasePath = "/lease/v1";
inline constexpr std::string_view kRevocationPath = "/revocation/v1";
inline constexpr std::size_t kMaxQuestionSize = std::size_t{32} << 10U;

struct AskedGrant {
  GrantId id;
  IdentityKey device;  // as the agent says; a wrong key harms only that agent
  friend auto operator<=>(const AskedGrant&, const AskedGrant&) = default;
};

struct LeaseQuestion {
  static constexpr std::string_view kType = "culvert/lease-question/v1";

  SiteRef site;
  IdentityKey agent;
  LeaseNonce nonce;
  DocumentMark revocations;
  std::vector<AskedGrant> grants;

  static Result<LeaseQuestion> parse(std::string_view text);
  std::string render() const;
};

}  // namespace culvert::trust
