// A grant: one device may use one service from one time to another. The requesting device signs
// first, then the approvers. A grant with all of the signatures that it needs opens the service.
//
//   culvert/grant/v1
//   site: <fqdn>
//   site-id: sha256:…
//   grant: <ULID>
//   extends: <ULID>                  0 or 1: the running grant that this grant prolongs
//   requester: <person>
//   device: ed25519:…                identity key of the device that may use the service
//   service: <fqdn>
//   scope: <scope>                   scope.hpp, without `*`
//   reason: <NFC UTF-8, 1 to 200 code points>
//   recording: required | none
//   not-before: <time>
//   not-after: <time>                claim-by + duration: the latest end
//   claim-by: <time>                 an unused grant ends here
//   duration: <1 to 86400>s          how long the grant lasts from its claim (its first use)
//   policy: sha256:…                 the policy that the approvers saw
#pragma once

#include <optional>
#include <string>

#include "proto/core/result.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

struct Grant {
  static constexpr std::string_view kType = "culvert/grant/v1";

  SiteRef site;
  GrantId id;
  std::optional<GrantId> extends;
  Person requester;
  IdentityKey device;
  Fqdn service;
  std::string scope;
  std::string reason;
  bool recording = false;
  WallTime not_before;
  WallTime not_after;
  WallTime claim_by;
  std::chrono::seconds duration{0};
  Hash policy;

  static Result<Grant> parse(std::string_view text);
  std::string render() const;
  friend bool operator==(const Grant&, const Grant&) = default;
};

}  // namespace culvert::trust
