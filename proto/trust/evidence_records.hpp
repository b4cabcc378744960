// What Evidence holds of each statement. Not for other folders.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/trust/access.hpp"
#include "proto/trust/register/alarms.hpp"
#include "proto/trust/register/chain.hpp"
#include "proto/trust/register/held_revocations.hpp"
#include "proto/trust/register/tally.hpp"
#include "proto/trust/statements/enrolled.hpp"
#include "proto/trust/statements/enrolment.hpp"
#include "proto/trust/statements/fresh.hpp"
#include "proto/trust/statements/lease.hpp"
#include "proto/trust/statements/places.hpp"
#include "proto/trust/statements/site.hpp"

namespace culvert::trust {

// A statement with the note it came in. `vouched`: its signatures hold under the current roots.
template <class Statement>
struct Held {
  Statement statement;
  note::Note note;
  bool vouched = false;
};

// Who has signed a grant and what its policy asks for; recomputed when a document under it changes.
struct Approval {
  std::vector<Person> vendor;
  std::vector<Person> customer;
  std::uint32_t vendor_needed = 0;
  std::uint32_t customer_needed = 0;
  bool pre_approved = false;  // a line of the policy opens the grant without approvers
  std::string why;            // not empty: no number of signatures would open it

  std::uint32_t vendor_missing() const { return missing(vendor_needed, vendor.size()); }
  std::uint32_t customer_missing() const { return missing(customer_needed, customer.size()); }
  bool complete() const { return why.empty() && vendor_missing() + customer_missing() == 0; }

 private:
  static std::uint32_t missing(std::uint32_t needed, std::size_t have) {
    return have >= needed ? 0 : needed - static_cast<std::uint32_t>(have);
  }
};

struct GrantRecord {
  Grant grant;
  note::Note note;
  Approval approval;
  std::optional<Instant> steady_end;   // set when the grant came into force here; a claim nears it
  std::optional<WallTime> claimed_at;  // its first use

  bool claimed() const { return claimed_at.has_value(); }
  WallTime ends() const {
    return claimed() ? std::min(grant.not_after, *claimed_at + grant.duration) : grant.not_after;
  }
};

struct SiteRecord {
  SiteRecord(SiteId site, ChainFloor floor)
      : id(site), chain(RootKind::kSite, to_hash(site), floor) {}

  SiteId id;
  bool pinned = false;              // by the pins or by an operator
  std::optional<Held<Site>> entry;  // the vendor directory's statement
  RootChain chain;
  std::optional<Held<Policy>> policy;
  std::optional<Held<Fresh>> fresh;  // the newest one
  std::map<Hash, Held<Enrolment>> enrolments;
  std::map<Hash, Held<Enrolled>> enrolled;  // by the hash of the note
};

// What each party has of what is bounded by a share; follows `grants` and `floors`.
struct Shares {
  Tally<IdentityKey> running_of_device;  // grants without a tombstone
  Tally<SiteId> running_at_site;
  Tally<IdentityKey> ended_of_device;                     // tombstones whose device is known
  Tally<crypto::PublicKey> revoked_by;                    // floors.revoked by signer
  std::map<SiteId, Tally<crypto::PublicKey>> revoked_at;  // the same, by site (zero: none)
  Tally<Hash> suspended_in;                               // floors.suspended by chain
};

// Everything that is held.
struct Records {
  Pins pins;
  Floors floors;
  std::uint64_t revision = 1;
  StoreAge pruned;
  std::optional<RootChain> vendor;  // once it is known which vendor
  std::map<SiteId, SiteRecord> sites;
  std::map<IdentityKey, Held<Node>> nodes;
  std::map<IdentityKey, Held<Service>> services;
  std::map<GrantId, GrantRecord> grants;
  std::map<GrantId, Instant> standing_ends;  // of standing lines, set when a line is first seen
  std::map<std::pair<SiteId, RootKind>, KnownDocuments>
      leased;  // what the newest lease of a site names, by whose key signed it
  using KeyBytes = std::array<std::uint8_t, 32>;
  std::map<KeyBytes, IdentityKey> keys;      // index of floors.nodes: whose each X25519 key is
  std::map<SiteId, std::size_t> identities;  // how many are in floors.nodes; zero: devices
  Alarms alarms;
  std::optional<Held<Places>> places;  // the newest one
  HeldRevocations revocations;         // signed notes of floors.revoked and of suspensions
  Shares shares;
};

}  // namespace culvert::trust
