// From one root to the next: whose signatures make an epoch.
#pragma once

#include <map>

#include "proto/core/result.hpp"
#include "proto/note/note.hpp"
#include "proto/trust/statements/root.hpp"

namespace culvert::trust {

// Suspended keys, each with the last epoch of one chain whose step is walked as if nothing were
// suspended, so that a new agent can walk what was signed before.
using Suspended = std::map<crypto::PublicKey, std::uint64_t>;

// The first root of a chain: epoch 1, with the hash `pin`, signed by the root threshold it states.
Result<Root> verify_genesis(const note::Note& note, const Hash& pin);

// The step from `current` to `next`: epoch + 1, previous hash, same kind, name and genesis, and the
// root threshold of both. Expiry plays no part in the walk. A suspended key counts only if `next`
// lists no suspended key and an unsuspended root person has signed it too.
Result<Root> verify_step(const Root& current, const Hash& current_hash, const note::Note& next,
                         const Suspended& suspended = {});

}  // namespace culvert::trust
