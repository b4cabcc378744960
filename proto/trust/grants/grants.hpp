// Requests with their approvals: when each grant is in force and how it ends (by its time, a
// revocation, or a denial here), with the lock and first uses. Grants reads identities from a
// Register; the register knows no grants.
//
// Notes come from Evidence. After each change of the register, reassess() judges the approvals
// again. Local decisions (claim, deny, lock) win over every note. One owner, one thread; returned
// pointers live until the next call that is not const.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/note/note.hpp"
#include "proto/trust/grants/access.hpp"
#include "proto/trust/grants/grant_floors.hpp"
#include "proto/trust/register/change.hpp"
#include "proto/trust/register/register.hpp"
#include "proto/trust/statements/lease.hpp"

namespace culvert::trust {

class Grants {
 public:
  // `who` must outlive the grants. `observer`: see Pins::observer.
  Grants(Register& who, GrantFloors floors, bool observer);
  ~Grants();
  Grants(Grants&&) noexcept;
  Grants& operator=(Grants&&) noexcept;

  // --- what arrives. Errors as Register::offer. ---
  Result<Change> offer(Now now, const note::Note& grant, Origin origin);
  Result<Change> revoke(Now now, const note::Note& revocation, Origin origin);  // of a grant
  void reassess(const Touched& touched);
  void advance(Now now);               // time passed: starts and ends grants
  Instant next_change(Now now) const;  // when live() may change by a grant's time
  // Takes the newest verified lease of a site by one side. While the lease names documents that are
  // not held here, no grant of that site begins.
  void heed(const Lease& verified, RootKind by);

  // --- local decisions ---
  // First use: at the site, the first accepted opening; at the laptop, the site's answer.
  void claim(Now now, const GrantId& id);
  void deny(Now now, const GrantId& id);
  void set_lock(bool locked);
  bool locked() const;
  void end_all(Now now);  // the clock was wrong: ends every grant; later grants may begin

  // --- what is known ---
  const Grant* grant(const GrantId& id) const;      // null: not known
  const note::Note* note(const GrantId& id) const;  // with every verified signature line
  std::vector<GrantId> ids() const;                 // of all held grants, ended grants included
  std::vector<note::Note> notes() const;            // of the grants that have not ended
  bool ended(const GrantId& id) const;              // by a revocation, by its time, or here
  RequestState state(Now now, const GrantId& id) const;
  std::vector<LiveGrant> live(Now now) const;
  // The checks whose result an approver must know before the text is displayed.
  Status check_request(Now now, const note::Note& note) const;
  // A grant's revocation without the lines that no key known here has signed.
  note::Note known_lines(const Revocation& revocation, const note::Note& note) const;
  // The complete grants that would be incomplete under the register `after`.
  std::vector<GrantId> lost_under(const Register& after) const;

  GrantFloors floors() const;
  std::uint64_t revision() const;  // changes when floors() does

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::trust
