// A site's policy: the services that exist there, who may ask for them and for how long, who must
// sign.
//
//   culvert/policy/v1
//   site: <fqdn>
//   site-id: sha256:…
//   serial: <n>                                  1, 2, 3 …
//   previous: none | sha256:…                    none at serial 1 and only there
//   issued: <time>
//   lease: <1 to 30>s
//   service: <fqdn> tls|tcp <port> <tag>         0 to 128, by FQDN; the tag says who may publish it
//   allow: <fqdn> group=<group> max=<n>s vendor=<n> customer=<n> scope=<scope>      0 to 256,
//   sorted standing: <fqdn> ed25519:… until=<time> lease=required|waived                   0 to 64,
//   sorted
//
// `vendor` and `customer` are how many approvers must sign: never fewer than the site root says,
// except that customer=0 needs no customer at all; both 0 is refused. The scope of a TCP or TLS
// service is `connect`; it is the rest of the line. Signed as the site root's policy-by says.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/trust/names.hpp"

namespace culvert::trust {

enum class Protocol { kTls, kTcp };
std::string_view protocol_name(Protocol protocol);

struct PolicyService {
  Fqdn name;
  Protocol protocol = Protocol::kTcp;
  std::uint16_t port = 0;
  Label tag;
  friend auto operator<=>(const PolicyService&, const PolicyService&) = default;
};

struct Allow {
  Fqdn service;
  Label group;
  std::chrono::seconds max{0};
  std::uint32_t vendor = 1;
  std::uint32_t customer = 1;
  std::string scope;
  friend auto operator<=>(const Allow&, const Allow&) = default;
};

struct Standing {
  Fqdn service;
  IdentityKey identity;
  WallTime until;
  bool lease_required = true;
  friend auto operator<=>(const Standing&, const Standing&) = default;
};

constexpr std::string_view kScopeConnect = "connect";
constexpr std::chrono::seconds kMaxLease{30};
constexpr std::chrono::seconds kMaxGrantTime{24 * 3600};  // no `max` may be longer
constexpr std::size_t kMaxPolicyServices = 128;
constexpr std::size_t kMaxAllows = 256;
constexpr std::size_t kMaxStandings = 64;

struct Policy {
  static constexpr std::string_view kType = "culvert/policy/v1";

  SiteRef site;
  std::uint64_t serial = 1;
  std::optional<Hash> previous;
  WallTime issued;
  std::chrono::seconds lease = kMaxLease;
  std::vector<PolicyService> services;
  std::vector<Allow> allows;
  std::vector<Standing> standings;

  static Result<Policy> parse(std::string_view text);
  std::string render() const;  // sorts nothing: sort() first where the lines were added by hand
  void sort();

  const PolicyService* service(const Fqdn& name) const;
};

}  // namespace culvert::trust
