// A file that people hand over, never through a coordinator: what a new agent or laptop needs to
// begin. A token is not a note: nobody signs a token, and an agent's token contains a secret. After
// the text and one empty line follows a bundle of public notes (the vendor's root chain; for agents
// also the site's root chain, policy and enrolment), so that a node can verify notes before it
// fetches any.
//
//   culvert/token/v1                      culvert/token/v1
//   kind: agent                           kind: device
//   coordinator: <url>     1 to 8         coordinator: <url>    1 to 8
//   pin: sha256:…          site-id        pin: sha256:…         vendor-id
//   secret: <64 hex>       one-time key   person: <person>
//                                         group: <label>        0 to 16, sorted
#pragma once

#include <string>
#include <vector>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/names.hpp"
#include "proto/trust/statements/node.hpp"

namespace culvert::trust {

struct Token {
  static constexpr std::string_view kType = "culvert/token/v1";

  NodeKind kind = NodeKind::kDevice;
  std::vector<std::string> coordinators;
  Hash pin;                   // agent: the site's epoch-1 root; device: the vendor's
  crypto::Secret32 secret;    // agent: seed of the one-time enrolment key
  Person person;              // device
  std::vector<Label> groups;  // device
  std::vector<note::Note> notes;

  static Result<Token> parse(std::string_view file);  // errors never quote the secret
  std::string render() const;                         // wipe the text after writing
};

}  // namespace culvert::trust
