// The end of something, at once.
//
//   culvert/revocation/v1
//   vendor-id: sha256:…
//   site: <fqdn>                     with the next line: grant and node always; device where a
//   customer site-id: sha256:…                ends it for this site alone; absent for key revokes:
//   grant <ULID>            or: device ed25519:… | node ed25519:… | key ed25519:… not-after: <time>
//   grant only: the end that the grant itself states reason: <as in a grant> issued: <time>
//
// Signed: grant: any one approver (either root) or the requester's device. device: any vendor
// approver or device-admission key (everywhere), or a customer approver (with site lines: that
// site). node: customer approvers at their threshold. key: that key itself, until the next root.
#pragma once

#include <optional>
#include <string>

#include "proto/core/result.hpp"
#include "proto/trust/names.hpp"

namespace culvert::trust {

enum class Revokes { kGrant, kDevice, kNode, kKey };

struct Revocation {
  static constexpr std::string_view kType = "culvert/revocation/v1";

  VendorId vendor_id;
  std::optional<SiteRef> site;
  Revokes what = Revokes::kGrant;
  GrantId grant;          // kGrant
  WallTime not_after;     // kGrant
  crypto::VerifyKey key;  // the others
  std::string reason;
  WallTime issued;

  static Result<Revocation> parse(std::string_view text);
  std::string render() const;
};

}  // namespace culvert::trust
