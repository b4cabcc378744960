// The step from one root to the next: which signatures make an epoch valid.
#pragma once

#include <map>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::trust {

// Suspended keys. The epoch is the last epoch of one chain whose step is verified as if no key were
// suspended, so that a new agent can follow steps that were signed before the suspension.
using Suspended = std::map<crypto::PublicKey, std::uint64_t>;

// Verifies the first root of a chain: epoch 1, with the hash `pin`, signed by the root threshold
// that the root itself states.
Result<Root> verify_genesis(const note::Note& note, const Hash& pin);

// Verifies the step from `current` to `next`: epoch + 1, previous hash, same kind, name and
// genesis, and the root thresholds of both. Whether a root has expired does not matter here. A
// suspended key counts only if `next` lists no suspended key and a root person who is not suspended
// has signed too.
Result<Root> verify_step(const Root& current, const Hash& current_hash, const note::Note& next,
                         const Suspended& suspended = {});

}  // namespace culvert::trust
