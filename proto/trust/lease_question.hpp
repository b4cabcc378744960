// What an agent asks the customer's own lease server (`culvert site lease serve`), as the body of
// one HTTP POST. It is not signed: the answer opens nothing for anybody but the agent that is
// waiting for this nonce.
//
//   culvert/lease-question/v1
//   site: <fqdn>
//   site-id: sha256:…
//   agent: ed25519:…                 identity key of the node that asks
//   nonce: <64 hex digits>
//   revocations: <n> sha256:…        the mark of what the agent has been told, see RevocationLog
//   grant: <ULID> ed25519:…          0 to 256, sorted: what is asked for, and the device that uses
//   it
//
// Answer: a bundle. First the revocations that the agent has not been told yet; then the lease, but
// only once there is nothing left to tell: an agent asks again with its new mark until then. After
// the lease the revocations of grants that were asked for.
#pragma once

#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/lease.hpp"

namespace culvert::trust {

class Evidence;
class RevocationLog;

inline constexpr std::string_view kLeasePath = "/lease/v1";
inline constexpr std::string_view kRevocationPath = "/revocation/v1";
inline constexpr std::size_t kMaxLeaseAnswer = std::size_t{1} << 20U;
inline constexpr std::size_t kMaxQuestionSize = std::size_t{32} << 10U;

struct AskedGrant {
  GrantId id;
  IdentityKey device;  // as the agent says; a wrong one costs that agent alone
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

// The answer of a signer who knows `evidence` and has `log` of it: the grants that were asked for,
// less those that a revocation of the grant or of its device has ended. kDenied: the agent or its
// site is ended, or not known. kStale: the mark is not one of this log; the agent asks with an
// empty one. `signer` holds a lease key of the site root. The answer has at most kMaxLeaseAnswer
// bytes.
Result<std::vector<note::Note>> answer_lease(const LeaseQuestion& question,
                                             const Evidence& evidence, const RevocationLog& log,
                                             std::string_view name,
                                             const crypto::SigningKey& signer);

}  // namespace culvert::trust
