// One agent's leases at one site (rule 4): asked every length/3 while there is something to cover,
// valid for the outstanding nonce only, counted from *sending* on the steady clock. Nothing is
// stored. The lease bounds an absent coordinator: when it lapses, what it covered is cut.
#pragma once

#include <optional>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/trust/lease.hpp"

namespace culvert::trust {

struct LeaseRequest {
  SiteRef site;
  LeaseNonce nonce;
  std::vector<GrantId> grants;  // sorted
};

class LeaseTracker {
 public:
  // `length` as the site's policy says (at most kMaxLease). `rng` outlives the tracker.
  LeaseTracker(SiteRef site, IdentityKey agent, std::chrono::seconds length, Rng& rng);

  void set_length(std::chrono::seconds length);
  // The live grants that need a lease; past kMaxLeaseGrants the last ones are left out (and so
  // cut). A new one is asked for at once.
  void set_wanted(std::vector<GrantId> grants, Instant now);
  // The connection to the coordinator came back: ask now, not at the next third.
  void ask_now(Instant now);

  // A request when one is due: send it at once, its time runs from `now`. Replaces the outstanding
  // one.
  std::optional<LeaseRequest> request(Instant now);
  // An answer whose signature Evidence::verify_lease has checked. kStale: not for the outstanding
  // nonce; kUnverified: for another site or agent.
  Status accept(const Lease& verified, Instant now);

  bool covers(const GrantId& grant, Instant now) const;
  Instant covered_until(const GrantId& grant) const;  // the distant past: not covered
  // When request() is due or a cover lapses next; never() with nothing wanted and nothing covered.
  Instant next_deadline(Instant now) const;

 private:
  SiteRef site_;
  IdentityKey agent_;
  Duration length_;
  Rng& rng_;
  std::vector<GrantId> wanted_;
  std::vector<GrantId> covered_;
  Instant covered_from_{0};  // when the question was sent that covered_ answers
  std::optional<LeaseNonce> outstanding_;
  Instant sent_at_{0};
  Instant next_ask_ = Instant::never();
};

}  // namespace culvert::trust
