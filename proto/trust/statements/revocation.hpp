// The end of something, at once.
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
// The revocation of a grant, node or enrolment always names the site; that of a device names the
// site where a customer ends the device for this site alone; that of a key never does.
// <key> is ed25519:… or passkey:…. Signed: of a grant, by any one approver of either root or the
// requester's device; of a device, by any vendor approver or device-admission key (everywhere), or
// a customer approver (with site lines: at that site); of a node, by customer approvers at their
// threshold; of an enrolment, by any enrolment key of the site; of a key, by that key itself: it
// never counts again.
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
  Hash enrolment;           // kEnrolment: of its text
  std::vector<Hash> roots;  // kKey

  IdentityKey identity() const;  // of kDevice and kNode; otherwise zero

  static Result<Revocation> parse(std::string_view text);
  std::string render() const;
};

constexpr std::chrono::seconds kRevocationKeep{31 * 24 * 3600};  // past the end of what was revoked
// A moment that never comes; durations can be added to it.
constexpr WallTime kNeverOver{std::numeric_limits<std::int64_t>::max() / 2};

// The latest moment at which what the revocation ends could come again, for a party that knows the
// revocation alone. A revoked key never counts again: kNeverOver.
WallTime matters_until(const Revocation& revocation);

}  // namespace culvert::trust
