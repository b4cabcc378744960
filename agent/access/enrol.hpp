// The start of an agent: the store rules, the token, and this node's own statement.
//
//   site store   identity    start
//   present      present     normal; a new agent token enrols the same identity again
//   present      absent      another agent of the site: needs a token
//   absent       present     refused: the floors are lost, so no statement may be believed
//   absent       absent      needs a token
#pragma once

#include "agent/access/identity.hpp"
#include "agent/access/options.hpp"
#include "agent/access/own_statement.hpp"
#include "agent/store/memory.hpp"
#include "proto/trust/evidence.hpp"
#include "proto/trust/statements/token.hpp"

namespace culvert::agent {

// The agent's role and site, according to the token or the store, before any statement is verified.
struct Who {
  Role role = Role::kDevice;
  std::string site;  // only of a site agent
};
Result<Who> who_is(const std::optional<std::string>& token, Memory& memory);

struct OwnStatement {
  trust::Node node;                               // this node's own statement
  note::Note note;                                // the note of `node`, with its signatures so far
  std::optional<note::Note> enrolment, enrolled;  // as in OwnNotes
};

struct Beginning {
  NodeKeys keys;
  Origin origin;
  trust::Evidence evidence;
  OwnStatement own;
};

// Reads the stores and the token, and writes what a new node has. Errors are one clear line each.
Result<Beginning> begin(const Options& options, Memory& memory, Rng& rng, Now now);

}  // namespace culvert::agent
