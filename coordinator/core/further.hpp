// Statements of a type that this version does not know. They are carried, and open nothing here: a
// later version of the agents may know them.
#pragma once

#include <optional>

#include "proto/core/result.hpp"
#include "proto/trust/evidence.hpp"

namespace culvert::coordinator {

struct Further {
  std::optional<trust::SiteRef> site;  // absent: the vendor's
  crypto::PublicKey signer;            // the first that counts, in the order of the root
  note::Note note;                     // with the signature lines by keys of that root alone
};

// The text must begin with `site:` and `site-id:`, or with `vendor-id:`, of a chain that is held
// here, and a key of that chain's current root must have signed it. Errors: kInvalid, kUnverified.
Result<Further> check_further(const note::Note& note, const trust::Evidence& evidence);

}  // namespace culvert::coordinator
