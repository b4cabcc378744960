// What one party has verified. Pure: notes come in any order from an untrusted carrier; nothing is
// believed without a chain to the pins, and what is valid is never displaced by what is not.
// One owner, one thread. Pointers returned live until the next call that is not const.
//
// Use: offer notes; after every change and at next_change() call advance(now), then read live(now);
// store floors() when floors_revision() has changed; call claim() at the first use of a grant.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/access.hpp"
#include "proto/trust/alarms.hpp"
#include "proto/trust/enrolment.hpp"
#include "proto/trust/floors.hpp"
#include "proto/trust/lease.hpp"
#include "proto/trust/revocation.hpp"
#include "proto/trust/root.hpp"
#include "proto/trust/site.hpp"

namespace culvert::trust {

constexpr std::size_t kMaxGrants = 4096;
constexpr std::size_t kMaxGrantsPerDevice = 256;  // ended ones included, until they are forgotten
constexpr std::size_t kMaxSites = 4096;
constexpr std::size_t kMaxEnrolments = 1024;  // of one site
constexpr std::size_t kMaxSiteNodes = 1024;   // identities of one site, ended ones included
constexpr std::size_t kMaxDevices = 8192;     // identities of the vendor's devices
constexpr std::chrono::seconds kStartSkew{
    60};  // a grant may start this much early, never ends late
constexpr std::chrono::seconds kMaxAhead{
    24 * 3600};  // a grant begins at most this far ahead: what ends one is kept long enough
constexpr std::chrono::seconds kIssuedSkew{
    300};  // statements issued further in the future: not in force
constexpr std::chrono::seconds kClockStep{
    5};  // a wall clock further back than this denies new grants

class Evidence {
 public:
  Evidence(Pins pins, Floors floors);
  ~Evidence();
  Evidence(Evidence&&) noexcept;
  Evidence& operator=(Evidence&&) noexcept;

  // The operator of a coordinator vouches for a site whose directory statement is not there (yet).
  void pin_site(const SiteId& id);

  // Verifies one note against everything known. Errors: kInvalid (malformed), kUnverified (no chain
  // of signatures, or one that is still missing here), kStale (older than what is known, or over),
  // kConflict (contradicts what is known: alarm), kDenied, kExhausted.
  Result<Change> offer(const note::Note& note, Now now);
  Result<Change> offer(std::string_view note, Now now);
  // Offers all, again and again while any of them helps another: order does not matter. [i] answers
  // notes[i].
  std::vector<Result<Change>> offer_all(std::span<const note::Note> notes, Now now);

  // Time passed: starts and ends grants, keeps the highest wall time. Never fails.
  void advance(Now now);
  Instant next_change(Now now) const;  // when live() may change by time alone, or never()

  // --- what is known; null: not known, or not (any longer) vouched for ---
  const Root* vendor_root() const;
  VendorId vendor_id() const;  // zero: not known
  const Root* site_root(const SiteId& id) const;
  const Policy* policy(const SiteId& id) const;
  std::optional<Hash> policy_hash(const SiteId& id) const;
  std::optional<SiteRef> site(const Fqdn& name) const;  // by the site's name
  std::vector<SiteRef> sites() const;
  const Node* node(const IdentityKey& identity, Now now) const;  // in force now
  const Node* node_by_wireguard(const crypto::WireGuardKey& key, Now now) const;
  const Node* node_by_name(const Label& name, Now now) const;
  std::vector<Node> nodes(Now now) const;
  std::vector<Publisher> publishers(const Fqdn& service, Now now) const;  // in force and entitled
  // Who has this name at the site; nothing: it is free.
  std::optional<IdentityKey> holder(const SiteId& site, const Label& name) const;
  const Grant* grant(const GrantId& id) const;
  std::vector<GrantId> grants() const;  // all that are held, ended ones included

  // --- notes, for the carrier and for the store ---
  const note::Note* grant_note(const GrantId& id) const;  // with every verified signature line
  const note::Note* node_note(const IdentityKey& identity) const;
  // Its enrolment, the note that enrolled it and its own statement, as far as they are held; first
  // the same of each identity that had its name before.
  std::vector<note::Note> agent_notes(const IdentityKey& identity) const;
  // Of all identities of a site that are held: enrolments, then the notes that enrolled them.
  std::vector<note::Note> enrolled_notes(const SiteId& id) const;
  std::vector<note::Note> chain_notes() const;  // the vendor's root chain
  std::vector<note::Note> chain_notes(
      const SiteId& id) const;  // site statement, root chain, policy
  // All that it takes to verify this grant elsewhere, in an order that works, the grant last.
  std::vector<note::Note> supporting_notes(const GrantId& id) const;
  std::vector<note::Note> notes() const;  // everything held, in an order that works

  // --- access ---
  RequestState state(const GrantId& id, Now now) const;
  std::vector<LiveGrant> live(Now now) const;
  // Everything an approver must know before the text is displayed.
  Status check_request(const note::Note& note, Now now) const;
  // A leaked one-time key must not enrol after its time by backdating: whoever meets an `enrolled`
  // note first (the coordinator, which has a clock of its own) refuses it when its enrolment is
  // over by then. What is held here already is no matter of time.
  Status check_enrolment_open(const note::Note& enrolled, Now now) const;
  Result<Lease> verify_lease(
      const note::Note& note) const;  // signed by a lease key, right vendor, known site

  // --- local decisions; they win over every note ---
  void claim(const GrantId& id, Now now);  // first use
  void deny(const GrantId& id, Now now);
  void set_lock(bool locked);
  bool locked() const;
  bool clock_went_back(Now now) const;
  void reset_clock(WallTime now);       // `culvert clock-reset`
  bool forked() const;                  // some root has two texts for one epoch: alarm
  std::vector<Alarm> alarms() const;    // of nodes; bounded, see alarms.hpp
  std::uint64_t alarms_raised() const;  // the number of the last one: cheap to compare

  const Floors& floors() const;
  std::uint64_t floors_revision() const;  // changes when floors() does, wall_high alone aside

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::trust
