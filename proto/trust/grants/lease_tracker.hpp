// One agent's leases at one site (rule 4). The agent asks every length/3 while a grant needs a
// lease. A lease is valid only for an outstanding nonce, and counts from the *sending* of the
// question on the steady clock. Nothing is stored. When a lease lapses, its grants are cut: a
// coordinator that is absent cannot keep grants open.
// A round asks for every grant, in as many questions as needed. The grants that have waited longest
// are in the first question, so that a slow answerer gets to every grant in turn.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/core/rng.hpp"
#include "proto/core/time.hpp"
#include "proto/trust/statements/lease.hpp"

namespace culvert::trust {

struct LeaseRequest {
  SiteRef site;
  LeaseNonce nonce;
  std::vector<GrantId> grants;  // sorted
};

class LeaseTracker {
 public:
  // `length` as in the site's policy (at most kMaxLease). `rng` must outlive the tracker.
  LeaseTracker(SiteRef site, IdentityKey agent, std::chrono::seconds length, Rng& rng);

  void set_length(std::chrono::seconds length);
  // Sets the live grants that need a lease. Every grant is asked for, a new grant at once.
  void set_wanted(Instant now, std::vector<GrantId> grants);
  // To call when the connection to the coordinator is back: asks now, not after the next third.
  void ask_now(Instant now);

  // A due request; the caller sends the request at once, as its time runs from `now`. Call again
  // until nothing is returned. The first request of a round replaces all outstanding requests.
  std::optional<LeaseRequest> request(Instant now);
  bool begins_round(Instant now) const { return now >= next_ask_; }
  // An answer whose signature Evidence::verify_lease has checked. kStale: not for an outstanding
  // nonce; kUnverified: for another site or agent.
  Status accept(Instant now, const Lease& verified);

  bool covers(Instant now, const GrantId& grant) const;
  Instant covered_until(const GrantId& grant) const;  // the distant past: not covered
  // When request() is due or a grant's cover lapses next; never(): nothing wanted, nothing covered.
  Instant next_deadline(Instant now) const;

 private:
  SiteRef site_;
  IdentityKey agent_;
  Duration length_;
  Rng& rng_;
  struct Wanted {
    std::uint64_t round = 0;              // the round that asked last; 0: never
    std::optional<Instant> covered_from;  // when the answered question was sent
  };
  struct Question {
    LeaseNonce nonce;
    Instant sent;
    std::vector<GrantId> grants;
  };
  std::map<GrantId, Wanted> wanted_;
  std::size_t waiting_ = 0;  // grants of wanted_ not asked for in this round
  std::uint64_t round_ = 0;
  std::deque<Question> outstanding_;     // of this round
  Instant next_ask_ = Instant::never();  // the next round
};

}  // namespace culvert::trust
