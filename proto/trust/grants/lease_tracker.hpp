// One agent's leases at one site (rule 4): asked every length/3 while there is something to cover,
// valid for an outstanding nonce only, counted from *sending* on the steady clock. Nothing is
// stored. The lease bounds an absent coordinator: when it lapses, what it covered is cut.
//
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
  // `length` as the site's policy says (at most kMaxLease). `rng` outlives the tracker.
  LeaseTracker(SiteRef site, IdentityKey agent, std::chrono::seconds length, Rng& rng);

  void set_length(std::chrono::seconds length);
  // The live grants that need a lease: all are asked for, a new one at once.
  void set_wanted(std::vector<GrantId> grants, Instant now);
  // The connection to the coordinator came back: ask now, not at the next third.
  void ask_now(Instant now);

  // A request when one is due: send it at once, its time runs from `now`. There may be more: ask
  // until there is none. The first one of a round replaces whatever is outstanding.
  std::optional<LeaseRequest> request(Instant now);
  bool begins_round(Instant now) const { return now >= next_ask_; }
  // An answer whose signature Evidence::verify_lease has checked. kStale: not for an outstanding
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
  struct Wanted {
    std::uint64_t round = 0;              // in which it was asked for last; 0: never
    std::optional<Instant> covered_from;  // when the question was sent whose answer covers it
  };
  struct Question {
    LeaseNonce nonce;
    Instant sent;
    std::vector<GrantId> grants;
  };
  std::map<GrantId, Wanted> wanted_;
  std::size_t waiting_ = 0;  // of wanted_: not asked for in this round
  std::uint64_t round_ = 0;
  std::deque<Question> outstanding_;     // of this round
  Instant next_ask_ = Instant::never();  // the next round
};

}  // namespace culvert::trust
