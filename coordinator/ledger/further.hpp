// Further statements: those of a type that this version does not know. The coordinator carries them
// for agents of a later version, which may know the type. They give no access here.
#pragma once

#include <optional>

#include "proto/core/result.hpp"
#include "proto/trust/evidence.hpp"

namespace culvert::coordinator {

struct Further {
  std::optional<trust::SiteRef> site;  // absent: the vendor's
  crypto::PublicKey signer;            // the first valid signer, in the root's order
  note::Note note;                     // only with signature lines of keys of that root
};

// Checks a further statement. Its text must begin with `site:` and `site-id:`, or with
// `vendor-id:`, of a chain that the ledger holds, and a key of that chain's current root must have
// signed it. Errors: kInvalid, kUnverified.
Result<Further> check_further(const note::Note& note, const trust::Evidence& evidence);

}  // namespace culvert::coordinator
