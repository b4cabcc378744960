// Who is who, as one party has verified it: roots, sites with their policies, agents and laptops
// with their keys, services, suspended keys, revocations. The register knows no grants; the grants
// read the register.
//
// Notes come from Evidence, which tells their kinds apart. docs/protocols/statements.md says what
// each note needs. An invalid note never displaces a valid note. After a change take_touched() says
// which grants must be judged again. One owner, one thread; returned pointers live until the next
// call that is not const.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/note/note.hpp"
#include "proto/trust/register/alarms.hpp"
#include "proto/trust/register/change.hpp"
#include "proto/trust/register/publisher.hpp"
#include "proto/trust/register/revocations.hpp"
#include "proto/trust/register/roots.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::trust {

class Register {
 public:
  // `boot`: this boot of the machine, for the store's age; zero where nothing is stored.
  Register(const Pins& pins, RegisterFloors floors, BootId boot);
  ~Register();
  Register(Register&&) noexcept;
  Register& operator=(Register&&) noexcept;

  // Verifies one note of this kind. Errors: kInvalid (malformed, or no statement of the register),
  // kUnverified (no chain of signatures, or a part is missing), kStale (older than what is known,
  // or over), kConflict (contradicts what is known), kDenied, kExhausted.
  Result<Change> offer(Now now, Kind kind, const note::Note& note, Origin origin);
  // Raises the alarm about a statement that was refused with kConflict.
  void report_conflict(Now now, Kind kind, const note::Note& note, std::string message);
  void pin_site(const SiteId& id);       // an operator vouches for the site
  Status choose_fork(const Hash& text);  // as Roots::choose_fork
  Touched take_touched();                // since the last call
  void advance(Now now);                 // time passed: keeps the time, forgets what is over
  void reset_clock(Now now);             // the wall clock is right now, even if it was wrong before
  Instant next_change(Now now) const;    // when a held statement is over by time alone
  // Sorts indices of `enrolled` notes: of two with one name, the earlier enrolment's comes first.
  void sort_by_enrolment(std::span<const note::Note> notes, std::vector<std::size_t>& which) const;
  // A leaked one-time key must not enrol late by backdating: the coordinator, which meets an
  // `enrolled` note first, refuses a new one whose enrolment is over.
  Status check_enrolment_open(Now now, const note::Note& enrolled) const;

  // --- what is known; null or nothing: not known, or not vouched for (any longer) ---
  const Roots& roots() const;
  const StoreClock& clock() const;
  const Root* site_root(const SiteId& id) const;
  const Root* site_root(const SiteRef& site) const;  // null also where the site has another name
  std::vector<SiteRef> sites() const;
  std::optional<SiteRef> site(const Fqdn& name) const;
  const Policy* policy(const SiteId& id) const;
  // Calls `visit` for each site that is vouched for and has a policy.
  void each_policy(const std::function<void(const SiteId&, const Policy&)>& visit) const;
  const Fresh* fresh(const SiteId& id) const;        // the newest one
  KnownDocuments documents(const SiteId& id) const;  // marks of the newest, for and against leases
  const Places* places() const;                      // also when the list has expired
  const Node* admitted(const IdentityKey& identity) const;       // vouched for, whatever its dates
  const Node* node(Now now, const IdentityKey& identity) const;  // in force now
  std::vector<Node> nodes(Now now) const;
  // The agent that has this name at the site; nothing: no agent has the name.
  std::optional<IdentityKey> holder(const SiteId& site, const Label& name) const;
  // The agents that publish the service now and are allowed to.
  std::vector<Publisher> publishers(Now now, const SiteId& site, const PolicyService& of) const;
  bool device_ended(const IdentityKey& device, const SiteId& site) const;  // by a revocation
  bool node_ended(const IdentityKey& node, const SiteId& site) const;      // by a revocation
  const Alarms& alarms() const;

  // --- revocations; those of grants are judged by Grants and charged here ---
  const Revocations& revocations() const;
  // Checks for every revocation: vendor and site are known, the issue time is not in the future.
  Result<Revocation> check_revocation(Now now, const note::Note& note) const;
  // Charges a grant's revocation to the signer and keeps the note. `keep`: how long the revocation
  // counts past the grant's end. kStale: the grant is over; kExhausted: the share is full.
  Status charge(Now now, const Revocation& of_grant, const crypto::PublicKey& signer,
                note::Note note, std::chrono::seconds keep, Origin origin);

  // --- notes, for carriers and for the store ---
  const note::Note* held(const Change& change) const;  // what a change was about; of grants: null
  const note::Note* node_note(const IdentityKey& identity) const;
  // An agent's enrolment, enrolled note and statement, after those of earlier holders of the name.
  std::vector<note::Note> agent_notes(const IdentityKey& identity) const;
  std::vector<note::Note> enrolled_notes(const SiteId& id) const;  // all enrolments, then enrolled
  std::vector<note::Note> chain_notes() const;  // the vendor's root chain and list of addresses
  // Of a site: site statement, root chain, policy, fresh note.
  std::vector<note::Note> chain_notes(const SiteId& id) const;
  // All notes that a verifier of a grant of this device for this service needs, in order.
  std::vector<note::Note> supporting_notes(const SiteId& id, const IdentityKey& device,
                                           const Fqdn& service) const;
  // A revocation (not of a grant) without the lines that no key known here made.
  note::Note known_lines(const Revocation& revocation, const note::Note& note) const;
  std::vector<note::Note> notes() const;  // without revocations, in an order that verifies

  // The register as it would be if its chain of roots stepped to the unsigned root `next`. Nothing:
  // the chain of `next` is not known here.
  std::optional<Register> under(const Root& next) const;
  // One line for each statement that is vouched for here and is not in `after`.
  std::vector<std::string> lost_in(const Register& after) const;

  RegisterFloors floors() const;
  std::uint64_t revision() const;  // changes when floors() does, except for the clock

 private:
  struct State;
  explicit Register(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace culvert::trust
