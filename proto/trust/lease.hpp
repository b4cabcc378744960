// The coordinator's answer to one agent's question: these grants are still wanted. Signed by a
// lease key of the vendor root. Valid for the outstanding nonce only; holds no time (see
// LeaseTracker).
//
//   culvert/lease/v1
//   vendor-id: sha256:…
//   site: <fqdn>
//   site-id: sha256:…
//   agent: ed25519:…                 identity key of the node that asked
//   nonce: <64 hex digits>
//   grant: <ULID>                    0 to 256, sorted
#pragma once

#include <vector>

#include "proto/core/result.hpp"
#include "proto/trust/names.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxLeaseGrants = 256;
using LeaseNonce = FixedBytes<struct LeaseNonceRole, 32>;

struct Lease {
  static constexpr std::string_view kType = "culvert/lease/v1";

  VendorId vendor_id;
  SiteRef site;
  IdentityKey agent;
  LeaseNonce nonce;
  std::vector<GrantId> grants;

  static Result<Lease> parse(std::string_view text);
  std::string render() const;
};

}  // namespace culvert::trust
