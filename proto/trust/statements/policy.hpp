// A site's policy: the services of the site, who may request a service and for how long, who must
// sign, and how recent an agent's documents must be.
//
//   culvert/policy/v1                            at most 256 KiB
//   site: <fqdn>
//   site-id: sha256:…
//   serial: <n>                                  1, 2, 3 …
//   previous: none | sha256:…                    none at serial 1 and only there
//   issued: <time>
//   expires: <time>                              at most 400 days later
//   claim: <1 to 168>h                           0 or 1: how long an approved grant waits; else 4 h
//   lease: <1 to 30>s by=vendor|customer|both    whose lease keys must answer
//   device-age: <1 to 720>h                      0 or 1: a device statement is no older when a
//                                                grant begins
//   fresh: <1 to 720>h                           0 or 1: the age limit of the `fresh` note for new
//                                                grants
//   relay: <host> <port> x25519:… sha256:…       0 to 8: the only relays; hash: of the certificate
//   private: <prefix>                            0 to 16: relays may be at such private addresses
//   service: <fqdn> <protocol> <port>[,<port>] <tag>             0 to 1000, by FQDN; the tag says
//                                                                who may publish the service
//   allow: <fqdn> group=<group> max=<n>s vendor=<n> customer=<n> scope=<scope>          0 to 1024
//   pre-approved: <fqdn> group=<group> max=<n>s until=<time> scope=<scope>              0 to 64
//   standing: <fqdn> ed25519:… until=<time> lease=required|waived scope=<scope>         0 to 64
//   export: <label> <fqdn> rate=<bytes/s> cap=<bytes/day>                               0 to 16
//
// The lines of one field are sorted. `vendor` and `customer` are how many approvers must sign:
// never fewer than the site root says, except that customer=0 needs no customer; both 0 is refused.
// The scope (scope.hpp) is the rest of the line. A protocol may be any label: a protocol that this
// version does not know opens nothing. Signed as the site root's policy-by says.
#pragma once

#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/trust/statements/policy_lines.hpp"

namespace culvert::trust {

constexpr std::chrono::seconds kMaxLease{30};
constexpr std::chrono::seconds kMaxGrantTime{24 * 3600};  // no `max` may be longer
constexpr std::chrono::seconds kMaxPreApproved{4 * 3600};
constexpr std::chrono::seconds kDefaultClaim{4 * 3600};
constexpr std::chrono::seconds kMaxClaim{168 * 3600};
constexpr std::chrono::seconds kMaxFresh{720 * 3600};
constexpr std::chrono::seconds kMaxPolicyLife{400LL * 24 * 3600};
constexpr std::size_t kMaxPolicySize = 256 * 1024;
constexpr std::size_t kMaxPolicyServices = 1000;
constexpr std::size_t kMaxAllows = 1024;
constexpr std::size_t kMaxStandings = 64;
constexpr std::size_t kMaxPreApprovals = 64;
constexpr std::size_t kMaxPolicyRelays = 8;
constexpr std::size_t kMaxPrivate = 16;
constexpr std::size_t kMaxExports = 16;

enum class LeaseBy { kVendor, kCustomer, kBoth };

struct Policy {
  static constexpr std::string_view kType = "culvert/policy/v1";

  SiteRef site;
  std::uint64_t serial = 1;
  std::optional<Hash> previous;
  WallTime issued;
  WallTime expires;
  std::optional<std::chrono::hours> claim;  // claim_time() gives the default
  std::chrono::seconds lease = kMaxLease;
  LeaseBy lease_by = LeaseBy::kVendor;
  std::optional<std::chrono::hours> device_age;
  std::optional<std::chrono::hours> fresh;
  std::vector<PolicyRelay> relays;
  std::vector<Prefix> privates;
  std::vector<PolicyService> services;
  std::vector<Allow> allows;
  std::vector<PreApproved> pre_approvals;
  std::vector<Standing> standings;
  std::vector<Export> exports;

  static Result<Policy> parse(std::string_view text);
  std::string render() const;  // does not sort: call sort() first where lines were added by hand
  void sort();

  const PolicyService* service(const Fqdn& name) const;  // null: not listed
  std::chrono::seconds claim_time() const {
    return claim ? std::chrono::seconds(*claim) : kDefaultClaim;
  }
};

// The id that stands for a standing line, which has no grant, in leases and revocations.
GrantId standing_id(const SiteId& site, const Standing& line);

}  // namespace culvert::trust
