// The answer to a question of one agent: the grants that are still wanted, and the newest documents
// that the signer knows. Signed, as the site's policy says, by a lease key of the vendor root
// (by=vendor), by a lease key of the site root (by=customer), or by one key of each root (by=both).
// A lease is valid only for the nonce that the agent is waiting for. A lease contains no time (see
// LeaseTracker).
//
//   culvert/lease/v1
//   vendor-id: sha256:…
//   site: <fqdn>
//   site-id: sha256:…
//   agent: ed25519:…                 identity key of the node that asked
//   nonce: <64 hex digits>
//   vendor-root: <n> sha256:…        newest epoch that the signer knows, and the hash of its text
//   site-root: <n> sha256:…
//   policy: <n> sha256:…             newest serial; 0 and 64 zeros: the signer knows none
//   grant: <ULID>                    0 to 256, sorted
#pragma once

#include <vector>

#include "proto/core/result.hpp"
#include "proto/trust/statements/document_mark.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxLeaseGrants = 256;    // of one question
constexpr std::size_t kMaxLeaseQuestions = 64;  // outstanding, of one agent at one site
using LeaseNonce = FixedBytes<struct LeaseNonceRole, 32>;

// The newest documents of one site that a signer knows.
struct KnownDocuments {
  DocumentMark vendor_root;
  DocumentMark site_root;
  DocumentMark policy;
  friend bool operator==(const KnownDocuments&, const KnownDocuments&) = default;
};

struct Lease {
  static constexpr std::string_view kType = "culvert/lease/v1";

  VendorId vendor_id;
  SiteRef site;
  IdentityKey agent;
  LeaseNonce nonce;
  KnownDocuments documents;
  std::vector<GrantId> grants;

  static Result<Lease> parse(std::string_view text);
  std::string render() const;
};

// A lease, and the roots whose lease keys signed the lease. The site's policy says which must sign.
struct VerifiedLease {
  Lease lease;
  bool by_vendor = false;
  bool by_customer = false;
};

}  // namespace culvert::trust
