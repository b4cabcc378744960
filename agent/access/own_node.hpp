// This node's own statement: who the node is, and the next statement before the present one ends.
// A site's agent signs its next statement by itself, up to the renew-until of its enrolment. A
// laptop signs its next statement too, and then waits until the vendor admits the laptop again.
#pragma once

#include <optional>
#include <string>

#include "agent/access/basis.hpp"
#include "agent/access/enrol.hpp"
#include "agent/access/knowledge_view.hpp"
#include "proto/trust/statements/enrolment.hpp"
#include "proto/trust/statements/site_state.hpp"

namespace culvert::agent {

class OwnNode {
 public:
  OwnNode(Basis& basis, OwnStatement own, std::chrono::seconds renew_early, Now now);

  const trust::Node& node() const { return own_.node; }
  const note::Note& note() const { return own_.note; }
  // What the statement rests on, as the hello to the coordinator carries it; nothing: a laptop.
  std::optional<std::string> rests_on() const;
  std::optional<trust::Enrolment> enrolment() const;  // nothing: a laptop, or the enrolment is gone
  trust::SiteState state() const;  // what a site's agent knows; not signed, and without a time
  // Gives the statement and its enrolment to the evidence. A laptop's statement counts once the
  // vendor has admitted the laptop.
  void offer(Now now);

  Instant next_deadline() const { return look_at_; }
  void handle_timeout(Now now);  // signs the next statement when it is time
  void look_again(Now now) { look_at_ = now.steady; }

  // A revocation of this node's identity, or of the token that enrolled it; nothing: none is known.
  std::optional<RevokedView> revoked() const;
  void say_revoked();  // logs the revocation once in the life of the process

 private:
  void renew_agent(Now now);
  void renew_device(Now now);
  bool replace(Now now, Result<note::Note> next);
  void remind_coordinator(Now now);

  Basis& basis_;
  OwnStatement own_;
  std::chrono::seconds renew_early_;  // drawn once, so that agents do not renew all at once
  Instant look_at_;                   // when the end of the statement is looked at next
  std::optional<std::uint64_t> looked_at_floors_;  // their revision when say_revoked() last looked
  bool revoked_said_ = false;
};

}  // namespace culvert::agent
