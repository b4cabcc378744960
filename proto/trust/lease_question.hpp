// What an agent asks the customer's own lease server (`culvert site lease serve`), as the body of
// one HTTP POST. It is not signed: the answer opens nothing for anybody but the agent that is
// waiting for this nonce.
//
//   culvert/lease-question/v1
//   site: <fqdn>
//   site-id: sha256:…
//   agent: ed25519:…                 identity key of the node that asks
//   nonce: <64 hex digits>
//   revocations: <n> sha256:…        how many the agent knows for this site, and their digest
//   grant: <ULID>                    0 to 256, sorted
//
// Answer: a bundle. Its first note is the lease; where the server knows other revocations than the
// agent, the server's revocations follow.
#pragma once

#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/lease.hpp"

namespace culvert::trust {

class Evidence;

inline constexpr std::string_view kLeasePath = "/lease/v1";
inline constexpr std::string_view kRevocationPath = "/revocation/v1";
inline constexpr std::size_t kMaxLeaseAnswer = std::size_t{1} << 20U;

struct LeaseQuestion {
  static constexpr std::string_view kType = "culvert/lease-question/v1";

  SiteRef site;
  IdentityKey agent;
  LeaseNonce nonce;
  DocumentMark revocations;
  std::vector<GrantId> grants;

  static Result<LeaseQuestion> parse(std::string_view text);
  std::string render() const;
};

// The answer of a signer who knows `evidence`: the grants that were asked for, less those that a
// revocation has ended. kDenied: the agent or its site is ended, or not known. `signer` holds a
// lease key of the site root. The answer has at most kMaxLeaseAnswer bytes.
Result<std::vector<note::Note>> answer_lease(const LeaseQuestion& question,
                                             const Evidence& evidence, std::string_view name,
                                             const crypto::SigningKey& signer);

}  // namespace culvert::trust
