// This node's own statement, as text: made from a token at the first start, and signed again before
// the statement ends. Nothing here reads or writes a store.
#pragma once

#include <chrono>
#include <optional>

#include "agent/access/identity.hpp"
#include "agent/access/options.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/token.hpp"

namespace culvert::agent {

struct OwnNotes {
  note::Note node;  // this node's statement, with its signatures so far
  // Of a site's agent: the enrolment, and the note by which the enrolment's one-time key enrolled
  // this node.
  std::optional<note::Note> enrolment, enrolled;
};

trust::NodeKind kind_of(Role role);
std::string clock_says(Now now);  // what this machine's clock says, for errors about time

// The token of a first start, checked against the role and the pinned root. Nothing in the token is
// believed yet but the pin. kInvalid: damaged, or for another kind of node; kUnverified: another
// pin.
Result<trust::Token> read_token(const Options& options);
// The token's enrolment for its one-time key. kStale: expired, or not valid yet.
Result<note::Note> find_enrolment(Now now, const trust::Token& token);
// A first statement of this node, or the next one with a fresh token. `node` has the serial and,
// for an agent that is known already, the name.
Result<OwnNotes> make_own(Now now, const Options& options, const trust::Token& token,
                          const NodeKeys& keys, trust::Node node, std::chrono::seconds device_life);

// A device's next statement, signed by the device itself. The device must be admitted again.
Result<note::Note> renew_device(Now now, const trust::Node& last, const NodeKeys& keys,
                                std::chrono::seconds life);
// A site agent's next statement, which is valid until the enrolment's renew-until.
Result<note::Note> renew_agent(Now now, const trust::Node& last, const NodeKeys& keys);

}  // namespace culvert::agent
