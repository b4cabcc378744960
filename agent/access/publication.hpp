// What a site's agent publishes: the signed statement that lists the services which the agent
// serves. Beyond that, whether this node's own statement is in force (admission).
//
// In order: the policy lists a service, the configuration names it, the node has the policy's tag →
// a service statement is signed, stored, and put to the coordinator → laptops find the publisher.
#pragma once

#include <optional>

#include "agent/access/own_node.hpp"
#include "proto/trust/statements/service.hpp"

namespace culvert::agent {

class Publication {
 public:
  Publication(Basis& basis, OwnNode& own, std::chrono::seconds renew_early);

  void recall(Now now);   // the statement in the node store counts again, while it is sound
  void publish(Now now);  // signs the next statement when what it says has changed or is half over
  bool admitted() const { return admitted_; }
  const std::optional<note::Note>& note() const { return note_; }  // nothing: none published yet

 private:
  std::optional<trust::Service> due(Now now, const trust::Node& self) const;

  Basis& basis_;
  OwnNode& own_;
  std::chrono::seconds renew_early_;  // as in OwnNode
  trust::Service service_;            // the text of `note_`
  std::optional<note::Note> note_;
  bool admitted_ = false;
};

}  // namespace culvert::agent
