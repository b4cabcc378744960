// The start of an agent: the store rules, the token, and this node's own statement (trust.md, "Site
// store" and the ceremony).
//
//   site store   identity    start
//   present      present     normal; a new agent token enrols the same identity again
//   present      absent      another agent of the site: needs a token
//   absent       present     refused: the floors are lost, so no statement may be believed
//   absent       absent      needs a token
#pragma once

#include "agent/access/identity.hpp"
#include "agent/access/memory.hpp"
#include "agent/access/options.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/token.hpp"

namespace culvert::agent {

// The agent's role and site, according to the token or the store, before any statement is verified.
struct Who {
  Role role = Role::kDevice;
  std::string site;  // only of a site agent
};
Result<Who> who_is(const std::optional<std::string>& token, Memory& memory);

struct Beginning {
  NodeKeys keys;
  Origin origin;
  trust::Evidence evidence;
  trust::Node node;                               // this node's own statement
  note::Note node_note;                           // the note of `node`, with its signatures so far
  std::optional<note::Note> enrolment, enrolled;  // only of site agents
};

Result<Beginning> begin(const Options& options, Memory& memory, Rng& rng, Now now);

// A device's next statement, signed by the device itself. The device must be admitted again.
Result<note::Note> renew_device(const trust::Node& last, const NodeKeys& keys,
                                std::chrono::seconds life, Now now);
// A site agent's next statement, which is valid until the enrolment's renew-until.
Result<note::Note> renew_agent(const trust::Node& last, const NodeKeys& keys, Now now);

}  // namespace culvert::agent
