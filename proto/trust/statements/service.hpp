// States which services one agent publishes, and the issuer of the agent's server certificates.
// Signed by the node. A service counts only where the policy lists the service and the node has the
// service's tag.
//
//   culvert/service/v1
//   site: <fqdn>
//   site-id: sha256:…
//   node: ed25519:…
//   serial: <n>                      the highest counts
//   issuer: none | <base64 of the server issuer's certificate, DER>
//   service: <fqdn>                  0 to 120, sorted
//   issued: <time>
//   expires: <time>                  at most 30 d later
#pragma once

#include <vector>

#include "proto/core/result.hpp"
#include "proto/trust/statements/names.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxIssuerSize = 2048;
constexpr std::size_t kMaxServices = 120;  // services that one agent publishes

struct Service {
  static constexpr std::string_view kType = "culvert/service/v1";

  SiteRef site;
  IdentityKey node;
  std::uint64_t serial = 1;
  Bytes issuer;  // DER; empty: none
  std::vector<Fqdn> services;
  WallTime issued;
  WallTime expires;

  static Result<Service> parse(std::string_view text);
  std::string render() const;

  bool serves(const Fqdn& name) const;
  friend bool operator==(const Service&, const Service&) = default;
};

}  // namespace culvert::trust
