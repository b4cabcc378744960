// States that an identity was enrolled by a one-time key under a name. Made once, at enrolment;
// signed by the identity key and by the one-time key, which the node then erases. The node's later
// statements name this note and are signed by the identity key alone.
//
//   culvert/enrolled/v1
//   site: <fqdn>
//   site-id: sha256:…
//   enrolment: sha256:…              hash of the enrolment statement
//   identity: ed25519:…
//   name: <label>                    as the enrolment lets it be
//   issued: <time>                   within the enrolment's time
#pragma once

#include "proto/core/result.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

struct Enrolled {
  static constexpr std::string_view kType = "culvert/enrolled/v1";

  SiteRef site;
  Hash enrolment;
  IdentityKey identity;
  Label name;
  WallTime issued;

  static Result<Enrolled> parse(std::string_view text);
  std::string render() const;
  friend bool operator==(const Enrolled&, const Enrolled&) = default;
};

}  // namespace culvert::trust
