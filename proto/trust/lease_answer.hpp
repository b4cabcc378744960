// The customer's lease server answers an agent's question (LeaseQuestion) from its own evidence.
#pragma once

#include <string_view>
#include <vector>

#include "proto/trust/evidence.hpp"
#include "proto/trust/register/revocation_log.hpp"
#include "proto/trust/statements/lease_question.hpp"

namespace culvert::trust {

inline constexpr std::size_t kMaxLeaseAnswer = std::size_t{1} << 20U;

// The answer of a signer who has verified `evidence` and keeps `log` up to date: a lease for
// the grants of the question, less the grants that a revocation of grant or device has ended.
// kDenied: the agent or its site is ended, or not known. kStale: the mark is not one of this log;
// the agent asks with an empty mark. `signer` holds a lease key of the site root. The answer has at
// most kMaxLeaseAnswer bytes.
Result<std::vector<note::Note>> answer_lease(const LeaseQuestion& question,
                                             const Evidence& evidence, const RevocationLog& log,
                                             std::string_view name,
                                             const crypto::SigningKey& signer);

}  // namespace culvert::trust
