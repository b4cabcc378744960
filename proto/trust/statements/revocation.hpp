// Ends a grant, device, node, key or enrolment at once.
//
//   culvert/revocation/v1
//   vendor-id: sha256:…
//   site: <fqdn>              0 or 1, together with site-id (see below)
//   site-id: sha256:…
//   revokes: grant <ULID> | device ed25519:… | node ed25519:… | key <key> | enrolment sha256:…
//   root: sha256:…            of a key only, 1 to 16, sorted: the newest roots that the key's
//                             holder knows
//   not-after: <time>         of a grant only: the end that the grant itself states
//   reason: <as in a grant>
//   issued: <time>
//
// Whether the site is named: always in the revocation of a grant, node or enrolment; in the
// revocation of a device only where a customer ends the device for this site; never in that of a
// key.
//
// <key> is ed25519:… or passkey:…. Who signs the revocation:
//   of a grant       any one approver of either root, or the requester's device
//   of a device      any vendor approver or device-admission key (everywhere), or a customer
//                    approver (with site lines: at that site)
//   of a node        customer approvers at their threshold
//   of an enrolment  any enrolment key of the site
//   of a key         the key itself, which never counts again
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/crypto/public_key.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

enum class Revokes { kGrant, kDevice, kNode, kKey, kEnrolment };

constexpr std::size_t kMaxNamedRoots = 16;

struct Revocation {
  static constexpr std::string_view kType = "culvert/revocation/v1";

  VendorId vendor_id;
  std::optional<SiteRef> site;
  Revokes what = Revokes::kGrant;
  GrantId grant;          // kGrant
  WallTime not_after;     // kGrant
  crypto::PublicKey key;  // kDevice, kNode: an identity key; kKey
  std::string reason;
  WallTime issued;
  Hash enrolment;           // kEnrolment: hash of the enrolment's text
  std::vector<Hash> roots;  // kKey

  IdentityKey identity() const;  // of kDevice and kNode; otherwise zero

  static Result<Revocation> parse(std::string_view text);
  std::string render() const;
};

constexpr std::chrono::seconds kRevocationKeep{31 * 24 * 3600};  // past the end of what is revoked
// A moment that never comes. Durations can be added without overflow.
constexpr WallTime kNeverOver{std::numeric_limits<std::int64_t>::max() / 2};

// The latest moment at which the revoked thing could come back, judged from the revocation alone. A
// revoked key never counts again: kNeverOver.
WallTime matters_until(const Revocation& revocation);

}  // namespace culvert::trust
