// What one party has verified: who is who (Register) and what is granted (Grants), as one object.
// Pure: notes come in any order from an untrusted carrier; nothing is believed without a chain to
// the pins, and what is valid is never displaced by what is not. One owner, one thread. Pointers
// returned live until the next call that is not const.
//
// Use: offer notes; after every change and at next_change() call advance(now), then read live(now);
// store floors() when floors_revision() has changed; call claim() at the first use of a grant. A
// function without a comment does what the function of that name does in Register or Grants.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "proto/trust/floors.hpp"
#include "proto/trust/grants/grants.hpp"
#include "proto/trust/register/register.hpp"

namespace culvert::trust {

class Evidence {
 public:
  Evidence(const Pins& pins, Floors floors, BootId boot = {});  // `boot`: as Register's
  ~Evidence();
  Evidence(Evidence&&) noexcept;
  Evidence& operator=(Evidence&&) noexcept;

  // The operator vouches for a site whose directory statement is not there (yet).
  void pin_site(const SiteId& id);

  // Verifies one note against all that is known. Errors as Register::offer; kConflict: alarm.
  Result<Change> offer(Now now, const note::Note& note);
  Result<Change> offer(Now now, std::string_view note);
  // Offers all until none helps another: order does not matter. [i] answers notes[i].
  std::vector<Result<Change>> offer_all(Now now, std::span<const note::Note> notes);
  // The same for what the own store holds: it was taken once, so no share refuses it.
  std::vector<Result<Change>> recall(Now now, std::span<const note::Note> notes);

  // Time passed: starts and ends grants, keeps the time. Never fails.
  void advance(Now now);
  Instant next_change(Now now) const;  // when live() may change by time alone, or never()

  // --- who is who; null: not known, or not (any longer) vouched for ---
  const Register& who() const;  // for questions that are not repeated below
  const Root* vendor_root() const;
  VendorId vendor_id() const;  // zero: not known
  const Root* site_root(const SiteId& id) const;
  const Places* places() const;
  const Policy* policy(const SiteId& id) const;
  std::optional<Hash> policy_hash(const SiteId& id) const;
  std::optional<SiteRef> site(const Fqdn& name) const;
  std::vector<SiteRef> sites() const;
  const Node* node(Now now, const IdentityKey& identity) const;
  std::vector<Node> nodes(Now now) const;
  std::vector<Publisher> publishers(Now now, const Fqdn& service) const;
  std::optional<IdentityKey> holder(const SiteId& site, const Label& name) const;
  bool device_ended(const IdentityKey& device, const SiteId& site) const;
  bool node_ended(const IdentityKey& node, const SiteId& site) const;
  KnownDocuments documents(const SiteId& id) const;
  Status check_enrolment_open(Now now, const note::Note& enrolled) const;
  bool forked() const;  // the newest epoch of some root has two texts: no new grants, alarm
  std::vector<RootFork> forks() const;     // what forked() is about
  std::vector<note::Note> rivals() const;  // other texts of roots, of any epoch: alarm
  Status choose_fork(const Hash& text);
  // One line for each thing that is vouched for now and would not be under this unsigned root.
  std::vector<std::string> what_ends(const Root& next) const;
  std::vector<Alarm> alarms() const;    // bounded, see register/alarms.hpp
  std::uint64_t alarms_raised() const;  // the number of the last one: cheap to compare

  // --- notes, for the carrier and for the store ---
  const note::Note* grant_note(const GrantId& id) const;
  const note::Note* node_note(const IdentityKey& identity) const;
  std::vector<note::Note> agent_notes(const IdentityKey& identity) const;
  std::vector<note::Note> enrolled_notes(const SiteId& id) const;
  std::vector<note::Note> chain_notes() const;
  std::vector<note::Note> chain_notes(const SiteId& id) const;
  // All that it takes to verify this grant elsewhere, in an order that works, the grant last.
  std::vector<note::Note> supporting_notes(const GrantId& id) const;
  std::vector<note::Note> notes() const;               // everything held, in an order that works
  const note::Note* held(const Change& change) const;  // what a change was about; null: not held
  note::Note known_lines(const note::Note& revocation) const;
  // The revocation of a grant or of a standing line, as it is held; null: there is none.
  const note::Note* revocation_of(const GrantId& id, const SiteId& site) const;
  // Whose share a revocation is charged to, while it is remembered.
  std::optional<crypto::PublicKey> charged_to(const note::Note& revocation) const;
  std::vector<note::Note> revocation_notes(const SiteId& id) const;  // that concern a site
  DocumentMark revocations(const SiteId& id) const;                  // their HeldRevocations::mark

  // --- access ---
  const Grant* grant(const GrantId& id) const;
  std::vector<GrantId> grants() const;
  RequestState state(Now now, const GrantId& id) const;
  bool ended(const GrantId& id) const;
  std::vector<LiveGrant> live(Now now) const;
  Status check_request(Now now, const note::Note& note) const;
  Result<VerifiedLease> verify_lease(const note::Note& note) const;
  void heed(const Lease& verified, RootKind by = RootKind::kVendor);

  // --- local decisions; they win over every note ---
  void claim(Now now, const GrantId& id);
  void deny(Now now, const GrantId& id);
  void set_lock(bool locked);
  bool locked() const;
  bool clock_went_back(Now now) const;
  void reset_clock(Now now);  // `culvert clock-reset`: every grant ends

  Floors floors() const;                  // assembled at each call
  std::uint64_t floors_revision() const;  // changes when floors() does, its clock alone aside
  StoreAge age() const;                   // of the store, now
  StoreAge forget_at(Now now, WallTime end) const;  // for something that matters until `end`

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::trust
