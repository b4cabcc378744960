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
#include "proto/trust/lease.hpp"
#include "proto/trust/limits.hpp"
#include "proto/trust/places.hpp"
#include "proto/trust/root.hpp"
#include "proto/trust/root_fork.hpp"

namespace culvert::trust {

class Evidence {
 public:
  // `boot`: this boot of the machine, for the store's age; zero where nothing is stored.
  Evidence(Pins pins, Floors floors, BootId boot = {});
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
  // Offers all until none helps another: order does not matter. [i] answers notes[i].
  std::vector<Result<Change>> offer_all(std::span<const note::Note> notes, Now now);
  // The same for what the own store holds: it was taken once, so no share refuses it.
  std::vector<Result<Change>> recall(std::span<const note::Note> notes, Now now);

  // Time passed: starts and ends grants, keeps the highest wall time. Never fails.
  void advance(Now now);
  Instant next_change(Now now) const;  // when live() may change by time alone, or never()

  // --- what is known; null: not known, or not (any longer) vouched for ---
  const Root* vendor_root() const;
  VendorId vendor_id() const;  // zero: not known
  const Root* site_root(const SiteId& id) const;
  const Places* places() const;  // the newest list of addresses, also when it has expired
  const Policy* policy(const SiteId& id) const;
  std::optional<Hash> policy_hash(const SiteId& id) const;
  std::optional<SiteRef> site(const Fqdn& name) const;  // by the site's name
  std::vector<SiteRef> sites() const;
  const Node* node(const IdentityKey& identity, Now now) const;  // in force now
  std::vector<Node> nodes(Now now) const;
  std::vector<Publisher> publishers(const Fqdn& service, Now now) const;  // in force and entitled
  // Who has this name at the site; nothing: it is free.
  std::optional<IdentityKey> holder(const SiteId& site, const Label& name) const;
  const Grant* grant(const GrantId& id) const;
  std::vector<GrantId> grants() const;  // all that are held, ended ones included

  // --- notes, for the carrier and for the store ---
  const note::Note* grant_note(const GrantId& id) const;  // with every verified signature line
  const note::Note* node_note(const IdentityKey& identity) const;
  // An agent's enrolment, enrolled note and statement; first those of earlier holders of its name.
  std::vector<note::Note> agent_notes(const IdentityKey& identity) const;
  // All enrolments of a site, then all enrolled notes.
  std::vector<note::Note> enrolled_notes(const SiteId& id) const;
  std::vector<note::Note> chain_notes() const;  // the vendor's root chain and list of addresses
  // Of a site: site statement, root chain, policy, fresh note.
  std::vector<note::Note> chain_notes(const SiteId& id) const;
  // All that it takes to verify this grant elsewhere, in an order that works, the grant last.
  std::vector<note::Note> supporting_notes(const GrantId& id) const;
  std::vector<note::Note> notes() const;               // everything held, in an order that works
  const note::Note* held(const Change& change) const;  // what a change was about; null: not held
  // A verified revocation as it would be held: without the lines that no key known here made.
  note::Note known_lines(const note::Note& revocation) const;
  // The revocation of a grant or of a standing line, as it is held; null: there is none.
  const note::Note* revocation_of(const GrantId& id, const SiteId& site) const;
  // Whose share a revocation is charged to, while it is remembered.
  std::optional<crypto::PublicKey> charged_to(const note::Note& revocation) const;
  // The signed revocations that concern a site, and their number and digest (SHA-256 over the
  // sorted hashes of their texts).
  std::vector<note::Note> revocation_notes(const SiteId& id) const;
  DocumentMark revocations(const SiteId& id) const;

  // --- access ---
  RequestState state(const GrantId& id, Now now) const;
  bool ended(const GrantId& id) const;  // by a revocation, by its time, or here
  bool device_ended(const IdentityKey& device, const SiteId& site) const;  // by a revocation
  bool node_ended(const IdentityKey& node, const SiteId& site) const;      // by a revocation
  std::vector<LiveGrant> live(Now now) const;
  // Everything an approver must know before the text is displayed.
  Status check_request(const note::Note& note, Now now) const;
  // A leaked one-time key must not enrol late by backdating: the coordinator, which meets an
  // enrolled note first, refuses it when its enrolment is over. What is held already is fine.
  Status check_enrolment_open(const note::Note& enrolled, Now now) const;
  // Signed by a lease key of the vendor or of the site, right vendor, known site.
  Result<VerifiedLease> verify_lease(const note::Note& note) const;

  // The newest lease of a site by one side, once verified: where it names documents that are not
  // held here, no grant of that site begins. Forgotten with that side's next lease, never stored.
  void heed(const Lease& verified, RootKind by = RootKind::kVendor);
  KnownDocuments documents(const SiteId& id) const;  // what is held here, for a lease

  // --- local decisions; they win over every note ---
  // First use: at the site, of its first accepted opening; at the laptop, of the site's answer.
  void claim(const GrantId& id, Now now);
  void deny(const GrantId& id, Now now);
  void set_lock(bool locked);
  bool locked() const;
  bool clock_went_back(Now now) const;
  void reset_clock(Now now);  // `culvert clock-reset`
  bool forked() const;        // the newest epoch of some root has two texts: no new grants, alarm
  std::vector<RootFork> forks() const;     // what forked() is about
  std::vector<note::Note> rivals() const;  // other texts of roots, of any epoch: alarm
  // `culvert fork choose`: the text of a newest epoch that is in force from now on. kNotFound: no
  // fork known here has that text.
  Status choose_fork(const Hash& text);
  // Lists what is vouched for now and would not be under `next`, a root that nobody has signed yet:
  // one line each.
  std::vector<std::string> what_ends(const Root& next) const;
  std::vector<Alarm> alarms() const;    // bounded, see alarms.hpp
  std::uint64_t alarms_raised() const;  // the number of the last one: cheap to compare

  const Floors& floors() const;
  // The age of this store at which something that matters until `end` is to be forgotten.
  StoreAge forget_at(WallTime end, Now now) const;
  std::uint64_t floors_revision() const;  // changes when floors() does, its clock alone aside

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::trust
