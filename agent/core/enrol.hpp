// How an agent begins: the store rules, the token, this node's own statement (trust.md, "Site
// store" and the ceremony).
//
//   site store   identity    start
//   present      present     normal; a new agent token enrols the same identity again
//   present      absent      another agent of the site: needs a token
//   absent       present     refused: the floors are gone, nothing may be believed
//   absent       absent      needs a token
#pragma once

#include "agent/core/core.hpp"
#include "agent/core/identity.hpp"
#include "agent/core/memory.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/token.hpp"

namespace culvert::agent {

// Whose agent this is, before anything is believed: by the token, or by what is stored.
struct Who {
  Role role = Role::kDevice;
  std::string site;  // of a site agent
};
Result<Who> who_is(const std::optional<std::string>& token, Memory& memory);

struct Beginning {
  NodeKeys keys;
  Origin origin;
  trust::Evidence evidence;
  trust::Node node;                               // our own statement
  note::Note node_note;                           // … as signed so far
  std::optional<note::Note> enrolment, enrolled;  // agents
};

Result<Beginning> begin(const Options& options, Memory& memory, Rng& rng, Now now);

// A device's next statement, signed by itself: it waits for admission again.
Result<note::Note> renew_device(const trust::Node& last, const NodeKeys& keys,
                                std::chrono::seconds life, Now now);
// An agent's next statement, which counts until its enrolment's renew-until.
Result<note::Note> renew_agent(const trust::Node& last, const NodeKeys& keys, Now now);

}  // namespace culvert::agent
